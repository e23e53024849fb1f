import { describe, expect, it } from "vitest";
import { type AudioRing, createAudioRing } from "./audio-ring.ts";

const RATE = 48_000;
const BLOCK = 128;
const BASE_US = 1_790_000_000_000_000;

const createRing = (): AudioRing => createAudioRing({ sampleRate: RATE, channels: 1, capacityS: 4 });

/** A ramp whose sample n, counted from `BASE_US`, is n / 1e6: every value tells its place. */
function ramp(from: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => (from + index) / 1e6);
}

const timeUs = (sample: number): number => BASE_US + (sample * 1e6) / RATE;

function render(ring: AudioRing, fromS: number, blocks: number): Float32Array {
  const all = new Float32Array(blocks * BLOCK);
  for (let block = 0; block < blocks; block += 1) {
    const output = new Float32Array(BLOCK);
    ring.render([output], fromS + (block * BLOCK) / RATE);
    all.set(output, block * BLOCK);
  }
  return all;
}

describe("createAudioRing", () => {
  it("plays each sample at its time on the line", () => {
    const ring = createRing();
    for (let at = 0; at < RATE; at += 1024) ring.write(timeUs(at), [ramp(at, 1024)]);
    ring.setLine({ contextTime: 2, mediaUs: timeUs(4_800), rate: 1 });
    const output = render(ring, 2, 100);
    // After the fade-in of the first milliseconds.
    for (const index of [2_000, 5_000, 12_000]) {
      expect(output[index]).toBeCloseTo((4_800 + index) / 1e6, 5);
    }
    expect(ring.report()).toMatchObject({ underruns: 0, jumps: 0 });
  });

  it("takes timestamps that wobble by rounding as continuous", () => {
    const ring = createRing();
    for (let at = 0; at < RATE; at += 1024) {
      ring.write(BASE_US + Math.round((at * 1000) / RATE) * 1000, [new Float32Array(1024).fill(0.5)]);
    }
    ring.setLine({ contextTime: 0, mediaUs: timeUs(1_000), rate: 1 });
    const output = render(ring, 0, 300);
    expect(Math.min(...output.subarray(2_000))).toBeCloseTo(0.5, 3);
    expect(ring.report().underruns).toBe(0);
  });

  it("fills a short hole with silence and keeps the time", () => {
    const ring = createRing();
    ring.write(timeUs(0), [ramp(0, 4_800)]);
    ring.write(timeUs(9_600), [ramp(9_600, 9_600)]);
    ring.setLine({ contextTime: 0, mediaUs: timeUs(100), rate: 1 });
    const output = render(ring, 0, 140);
    expect(output[6_000]).toBeCloseTo(0, 6);
    expect(output[15_000]).toBeCloseTo((15_000 + 100) / 1e6, 4);
  });

  it("fades out when samples are missing, counts it once, and comes back", () => {
    const ring = createRing();
    ring.write(timeUs(0), [new Float32Array(4_800).fill(0.8)]);
    ring.setLine({ contextTime: 0, mediaUs: timeUs(0), rate: 1 });
    const output = render(ring, 0, 60);
    let largestStep = 0;
    for (let index = 1; index < output.length; index += 1) {
      largestStep = Math.max(largestStep, Math.abs((output[index] ?? 0) - (output[index - 1] ?? 0)));
    }
    expect(largestStep).toBeLessThan(0.05);
    expect(output.at(-1)).toBeLessThan(0.01);
    expect(ring.report()).toMatchObject({ underruns: 1, mediaUs: -1 });
    ring.write(timeUs(9_600), [new Float32Array(9_600).fill(0.8)]);
    const after = render(ring, 0.21, 30);
    expect(after.at(-1)).toBeCloseTo(0.8, 2);
  });

  it("waits in silence for samples whose time has not come", () => {
    const ring = createRing();
    ring.write(timeUs(48_000), [new Float32Array(4_800).fill(0.5)]);
    ring.setLine({ contextTime: 0, mediaUs: timeUs(0), rate: 1 });
    expect(Math.max(...render(ring, 0, 100))).toBe(0);
    expect(Math.max(...render(ring, 1.001, 20))).toBeGreaterThan(0.4);
    expect(ring.report().underruns).toBe(0);
  });

  it("follows a faster line without a cut", () => {
    const ring = createRing();
    for (let at = 0; at < 3 * RATE; at += 1024) ring.write(timeUs(at), [ramp(at, 1024)]);
    ring.setLine({ contextTime: 0, mediaUs: timeUs(0), rate: 1.05 });
    const output = render(ring, 0, 375);
    expect(output.at(-1)).toBeCloseTo((375 * BLOCK * 1.05) / 1e6, 4);
    expect(ring.report().jumps).toBe(0);
  });

  it("closes a small difference by its step, a large one by a cut", () => {
    const ring = createRing();
    for (let at = 0; at < 3 * RATE; at += 1024) ring.write(timeUs(at), [ramp(at, 1024)]);
    ring.setLine({ contextTime: 0, mediaUs: timeUs(0), rate: 1 });
    render(ring, 0, 10);
    ring.setLine({ contextTime: 0, mediaUs: timeUs(0) + 30_000, rate: 1 });
    const output = render(ring, (10 * BLOCK) / RATE, 750);
    expect(ring.report().jumps).toBe(0);
    expect(((output.at(-1) ?? 0) * 1e6) / RATE).toBeGreaterThan(2.025);
    ring.setLine({ contextTime: 0, mediaUs: timeUs(0) - 200_000, rate: 1 });
    render(ring, (760 * BLOCK) / RATE, 2);
    expect(ring.report().jumps).toBe(1);
  });

  it("is self-contained, as a worklet gets it as text", () => {
    const rebuilt = new Function(`return ${createAudioRing.toString()}`)() as typeof createAudioRing;
    const ring = rebuilt({ sampleRate: RATE, channels: 2, capacityS: 1 });
    ring.write(0, [new Float32Array(512), new Float32Array(512)]);
    expect(ring.report().bufferedS).toBeCloseTo(512 / RATE, 6);
  });
});
