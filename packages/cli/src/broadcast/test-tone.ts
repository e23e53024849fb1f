import { BEEP_MS } from "./test-picture.ts";

const TONE_HZ = 440;
const BEEP_HZ = 1760;
const TONE_GAIN = 0.06;
const BEEP_GAIN = 0.35;
/** The beep is faded in and out over this time, so that it does not click. */
const FADE_MS = 4;

/**
 * A quiet 440 Hz tone with a beep at each full second of the wall clock.
 * Fills one channel of 32-bit float samples for the block whose first sample was captured at `startUnixMs`.
 */
export function fillTestTone(samples: Float32Array, startUnixMs: number, sampleRate: number): void {
  const startInSecond = startUnixMs % 1000;
  for (let index = 0; index < samples.length; index++) {
    const inSecondMs = (startInSecond + (index * 1000) / sampleRate) % 1000;
    // Both tones have a whole number of periods in a second: the phase needs no memory between blocks.
    const turn = (2 * Math.PI * inSecondMs) / 1000;
    let value = TONE_GAIN * Math.sin(TONE_HZ * turn);
    if (inSecondMs < BEEP_MS) {
      const fade = Math.min(1, inSecondMs / FADE_MS, (BEEP_MS - inSecondMs) / FADE_MS);
      value += BEEP_GAIN * fade * Math.sin(BEEP_HZ * turn);
    }
    samples[index] = value;
  }
}
