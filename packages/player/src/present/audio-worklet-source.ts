import { type AudioLine, type AudioRingReport, createAudioRing } from "./audio-ring.ts";

/** Name under which the processor is registered. */
export const AUDIO_PROCESSOR = "canopy-audio-ring";

/** Messages to the processor. */
export type AudioWorkletRequest =
  | { readonly kind: "samples"; readonly timestampUs: number; readonly channels: readonly Float32Array[] }
  | { readonly kind: "line"; readonly line: AudioLine }
  | { readonly kind: "clear" };

/** Messages from the processor, a few times a second. */
export type AudioWorkletReport = AudioRingReport;

/** Audio that may wait in the ring, s; 1.5 MB for stereo at 48 kHz. */
export const AUDIO_RING_S = 4;

/** Blocks of 128 samples between reports: about 100 ms. */
const BLOCKS_PER_REPORT = 38;

/**
 * The worklet module as text, so that the player needs no second file next to it. The ring is put in as source;
 * what surrounds it only exists inside an AudioWorkletGlobalScope.
 */
export function audioWorkletSource(): string {
  return `
const createAudioRing = ${createAudioRing.toString()};
registerProcessor("${AUDIO_PROCESSOR}", class extends AudioWorkletProcessor {
  constructor(options) {
    super();
    const channels = options.outputChannelCount[0];
    this.ring = createAudioRing({ sampleRate, channels, capacityS: ${AUDIO_RING_S} });
    this.blocks = 0;
    this.port.onmessage = ({ data }) => {
      if (data.kind === "samples") this.ring.write(data.timestampUs, data.channels);
      else if (data.kind === "line") this.ring.setLine(data.line);
      else this.ring.clear();
    };
  }
  process(inputs, outputs) {
    this.ring.render(outputs[0], currentTime);
    this.blocks += 1;
    if (this.blocks % ${BLOCKS_PER_REPORT} === 0) this.port.postMessage(this.ring.report());
    return true;
  }
});
`;
}
