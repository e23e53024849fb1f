import { beforeAll, describe, expect, it } from "vitest";
import { AudioTranscoder } from "./audio-transcoder.ts";
import { type Ffmpeg, loadFfmpeg } from "./load-ffmpeg.ts";
import { BURST_EVERY_US, encodeBursts, findBursts, type TimedFrame } from "./tone-burst-suite.ts";
import type { SourceFormat, TranscodeFormat } from "./transcode-format.ts";

const START_US = 1_764_000_000_000_000;
/** Encoders smear a sharp onset by less than this. */
const SMEAR_US = 3_000;

let ffmpeg: Ffmpeg;
beforeAll(async () => {
  ffmpeg = await loadFfmpeg();
});

function transcode(format: TranscodeFormat, frames: readonly TimedFrame[]) {
  const seen: TimedFrame[] = [];
  const transcoder = new AudioTranscoder(format, ffmpeg, (timestampUs, payload) => {
    seen.push({ timestampUs, payload });
  });
  for (const { timestampUs, payload } of frames) transcoder.push(timestampUs, payload);
  const { undecodable } = transcoder;
  transcoder.close();
  transcoder.close();
  return { seen, undecodable };
}

const aac = (sampleRate: number, channels: number, description: Uint8Array): SourceFormat => ({
  codec: "aac",
  sampleRate,
  channels,
  description,
});
const toOpus = (from: SourceFormat): TranscodeFormat => ({
  from,
  to: { codec: "opus", channels: from.channels === 1 ? 1 : 2, bitrateBps: 96_000 },
});
const toAac = (channels: 1 | 2): TranscodeFormat => ({
  from: { codec: "opus", sampleRate: 48_000, channels, description: undefined },
  to: { codec: "aac", channels, bitrateBps: 128_000 },
});

/** Each burst of the original is found in the other within the bound; the last may not have come out yet. */
function expectInStep(original: readonly number[], made: readonly number[], withinUs: number): void {
  expect(original.length).toBeGreaterThan(5);
  expect(made.length).toBeGreaterThanOrEqual(original.length - 1);
  for (const [index, onset] of made.entries()) {
    expect(Math.abs(onset - (original[index] ?? 0))).toBeLessThan(withinUs);
  }
}

describe("AudioTranscoder", () => {
  it.each([
    ["48 kHz stereo", 48_000, 2],
    ["44.1 kHz stereo", 44_100, 2],
    ["22.05 kHz mono", 22_050, 1],
    ["48 kHz with six channels", 48_000, 6],
  ] as const)("keeps the media time of AAC with %s in Opus", async (_, sampleRate, channels) => {
    const source = { encoder: "aac", sampleRate, channels, startUs: START_US, seconds: 5 } as const;
    const { frames, description } = await encodeBursts(source);
    const { seen, undecodable } = transcode(toOpus(aac(sampleRate, channels, description)), frames);
    expect(undecodable).toBe(0);
    const original = await findBursts("aac", frames, description);
    expect(original[0]).toBeCloseTo(START_US + BURST_EVERY_US, -4);
    expectInStep(original, await findBursts("opus", seen), SMEAR_US);
    const steps = seen
      .slice(1)
      .map(({ timestampUs }, index) => timestampUs - (seen[index]?.timestampUs ?? 0));
    expect(steps.every((step) => Math.abs(step - 20_000) <= 1)).toBe(true);
  });

  it("keeps the media time of AAC whose decoder doubles the rate (SBR)", async () => {
    const source = {
      encoder: "aac",
      sampleRate: 24_000,
      channels: 2,
      startUs: START_US,
      seconds: 5,
    } as const;
    const { frames } = await encodeBursts(source);
    // AudioSpecificConfig: object type 5 at 24 kHz, extended to 48 kHz, of object type 2.
    const description = Uint8Array.of(0x2b, 0x11, 0x88, 0x00);
    const { seen, undecodable } = transcode(toOpus(aac(48_000, 2, description)), frames);
    expect(undecodable).toBe(0);
    expectInStep(await findBursts("aac", frames, description), await findBursts("opus", seen), SMEAR_US);
  });

  it.each([2.5, 10, 20, 60])("keeps the media time of Opus frames of %d ms in AAC", async (frameMs) => {
    const source = { encoder: "libopus", sampleRate: 48_000, channels: 2, frameMs } as const;
    const { frames } = await encodeBursts({ ...source, startUs: START_US, seconds: 5 });
    const { seen } = transcode(toAac(2), frames);
    const made = await findBursts("aac", seen, Uint8Array.of(0x11, 0x90));
    expectInStep(await findBursts("opus", frames), made, SMEAR_US);
  });

  it("stays in step when frames are missing, and after a gap and a step back of the time", async () => {
    const source = { encoder: "aac", sampleRate: 48_000, channels: 2, seconds: 4 } as const;
    const parts = await Promise.all(
      [0, 60_000_000, -60_000_000].map((offset) => encodeBursts({ ...source, startUs: START_US + offset })),
    );
    // Three lost frames, one after the other, are a gap; single ones are not.
    const frames = parts.flatMap((part) =>
      part.frames.filter((_, index) => index % 40 > 2 && index % 17 > 0),
    );
    const description = parts[0]?.description ?? new Uint8Array();
    const { seen } = transcode(toOpus(aac(48_000, 2, description)), frames);
    const original = await findBursts("aac", frames, description);
    const made = await findBursts("opus", seen);
    const found = made.filter((onset) => original.some((other) => Math.abs(other - onset) < 20_000));
    expect(original.length).toBeGreaterThan(15);
    expect(found.length).toBeGreaterThan(original.length * 0.8);
    // What else begins in the one or the other is a burst that was cut in two.
    expect(made.length - found.length).toBeLessThan(original.length * 0.2);
  });

  it.each([0.5, 0.8, 1.05])(
    "is off by what a clock at %d of its speed makes of a frame, at most",
    async (speed) => {
      const source = {
        encoder: "aac",
        sampleRate: 44_100,
        channels: 2,
        startUs: START_US,
        seconds: 5,
      } as const;
      const { frames, description } = await encodeBursts(source);
      const slewed = frames.map(({ timestampUs, payload }) => ({
        timestampUs: START_US + Math.round((timestampUs - START_US) * speed),
        payload,
      }));
      const { seen } = transcode(toOpus(aac(44_100, 2, description)), slewed);
      const frameUs = (1_024 * 1e6) / 44_100;
      const original = await findBursts("aac", slewed, description);
      expectInStep(original, await findBursts("opus", seen), SMEAR_US + Math.abs(1 - speed) * frameUs);
    },
  );

  it("goes on when the sample rate changes in the middle", async () => {
    const bursts = { encoder: "aac", channels: 2, seconds: 4 } as const;
    const first = await encodeBursts({ ...bursts, sampleRate: 48_000, startUs: START_US });
    const second = await encodeBursts({ ...bursts, sampleRate: 44_100, startUs: START_US + 4_000_000 });
    // ADTS says the format with each frame.
    const frames = [
      ...first.frames.map((frame) => adts(frame, 3)),
      ...second.frames.map((frame) => adts(frame, 4)),
    ];
    const format = toOpus({ codec: "aac", sampleRate: 48_000, channels: 2, description: undefined });
    const { seen, undecodable } = transcode(format, frames);
    expect(undecodable).toBe(0);
    const onsets = await findBursts("opus", seen);
    for (const onset of onsets) {
      const late = (((onset - START_US) % BURST_EVERY_US) + BURST_EVERY_US) % BURST_EVERY_US;
      expect(Math.min(late, BURST_EVERY_US - late)).toBeLessThan(SMEAR_US);
    }
    expect(onsets.length).toBeGreaterThanOrEqual(13);
  });

  it("passes over frames that are no sound, and counts them", async () => {
    const source = {
      encoder: "aac",
      sampleRate: 48_000,
      channels: 2,
      startUs: START_US,
      seconds: 5,
    } as const;
    const { frames, description } = await encodeBursts(source);
    const spoilt = frames.map((frame, index) =>
      index % 20 === 10
        ? { ...frame, payload: Uint8Array.from({ length: 200 }, (_, at) => (at * 7) & 0xff) }
        : frame,
    );
    const { seen, undecodable } = transcode(toOpus(aac(48_000, 2, description)), spoilt);
    expect(undecodable).toBeGreaterThan(0);
    const last = seen.at(-1)?.timestampUs ?? 0;
    expect(last - START_US).toBeGreaterThan(4_800_000);
  });

  it.each(["aac", "opus"] as const)(
    "meets changed, cut and random %s with nothing worse than silence",
    async (codec) => {
      const random = seeded(7);
      const encoder = codec === "aac" ? "aac" : "libopus";
      const source = { encoder, sampleRate: 48_000, channels: 2, startUs: START_US, seconds: 4 } as const;
      const { frames, description } = await encodeBursts({ ...source, signal: "music" });
      const format = codec === "aac" ? toOpus(aac(48_000, 2, description)) : toAac(2);
      for (let round = 0; round < 5; round++) {
        const spoilt = frames.map(({ timestampUs, payload }) => {
          const jumpUs = random() < 0.02 ? Math.round((random() - 0.5) * 1e7) : 0;
          return { timestampUs: timestampUs + jumpUs, payload: spoil(payload, random) };
        });
        expect(() => transcode(format, spoilt)).not.toThrow();
      }
    },
  );

  it("says so when a codec does not open", () => {
    const format = toOpus(aac(48_000, 2, Uint8Array.of(0xff)));
    expect(() => transcode(format, [])).toThrow(expect.objectContaining({ code: "bridge-failed" }));
  });
});

/** Numbers from 0 to 1, the same in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Some of the frames changed in a few bytes, some cut, some replaced by noise. */
function spoil(payload: Uint8Array, random: () => number): Uint8Array {
  const kind = random();
  const below = (limit: number): number => Math.floor(random() * limit);
  if (kind < 0.3) return payload.map((byte) => (random() < 0.02 ? below(256) : byte));
  if (kind < 0.45) return payload.subarray(0, 1 + below(payload.length));
  if (kind < 0.6) return Uint8Array.from({ length: 1 + below(700) }, () => below(256));
  return payload;
}

/** With an ADTS header (ISO/IEC 14496-3 §1.A.2.2.1) of AAC-LC in stereo. */
function adts({ timestampUs, payload }: TimedFrame, frequencyIndex: number): TimedFrame {
  const length = payload.length + 7;
  const header = [
    0xff,
    0xf1,
    0x40 | (frequencyIndex << 2),
    0x80 | (length >> 11),
    (length >> 3) & 0xff,
    ((length & 7) << 5) | 0x1f,
    0xfc,
  ];
  return { timestampUs, payload: Uint8Array.of(...header, ...payload) };
}
