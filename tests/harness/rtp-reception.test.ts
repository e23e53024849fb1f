import { describe, expect, it } from "vitest";
import { FREEZE_MS, RtpReception } from "./rtp-reception.ts";

const FRAME_MS = 33;
const PACKETS_PER_FRAME = 4;
const SSRC = 0x1234;

/** Single NAL units: an SPS at the start of a keyframe, slices else. */
function packet(sequence: number, frame: number, keyframe: boolean, part: number): Buffer {
  const bytes = Buffer.alloc(40);
  bytes.writeUInt8(0x80, 0);
  bytes.writeUInt8(96 | (part === PACKETS_PER_FRAME - 1 ? 0x80 : 0), 1);
  bytes.writeUInt16BE(sequence & 0xffff, 2);
  bytes.writeUInt32BE((frame * 3_000) >>> 0, 4);
  bytes.writeUInt32BE(SSRC, 8);
  bytes.writeUInt8(keyframe ? (part === 0 ? 0x67 : 0x65) : 0x41, 12);
  return bytes;
}

interface Sent {
  readonly sequence: number;
  readonly atMs: number;
  readonly bytes: Buffer;
}

/** A stream with a keyframe every `keyframeEvery` frames, starting near the wrap of the sequence number. */
function stream(frames: number, keyframeEvery = 30, firstSequence = 65_500): Sent[] {
  return Array.from({ length: frames * PACKETS_PER_FRAME }, (_, index) => {
    const frame = Math.floor(index / PACKETS_PER_FRAME);
    const part = index % PACKETS_PER_FRAME;
    const sequence = (firstSequence + index) & 0xffff;
    return {
      sequence,
      atMs: frame * FRAME_MS,
      bytes: packet(sequence, frame, frame % keyframeEvery === 0, part),
    };
  });
}

describe("RtpReception", () => {
  it("counts whole frames in their order over the wrap of the sequence number", () => {
    const timestamps: number[] = [];
    const reception = new RtpReception(
      { kind: "video", clockRate: 90_000 },
      { onFrame: (timestamp) => timestamps.push(timestamp) },
    );
    for (const { bytes, atMs } of stream(90)) reception.take(bytes, atMs);
    expect(timestamps).toEqual(Array.from({ length: 90 }, (_, frame) => frame * 3_000));
    expect(reception.stats).toMatchObject({
      frames: 90,
      keyframes: 3,
      brokenFrames: 0,
      missed: 0,
      freezes: 0,
    });
    expect(reception.report(1, 2)).toMatchObject({
      ssrc: SSRC,
      fractionLost: 0,
      packetsLost: 0,
      highestSequence: 0x10000 + 65_500 + 359,
      lsr: 1,
      dlsr: 2,
    });
  });

  it("restores the order and counts what came twice", () => {
    const reception = new RtpReception({ kind: "video", clockRate: 90_000 });
    const sent = stream(30);
    for (let index = 0; index < sent.length; index += 2) {
      const pair = index === 0 ? [sent[0], sent[1]] : [sent[index + 1], sent[index], sent[index]];
      for (const one of pair) if (one !== undefined) reception.take(one.bytes, one.atMs);
    }
    expect(reception.stats).toMatchObject({ frames: 30, duplicates: 59, recovered: 59, givenUp: 0 });
    expect(reception.nacks(1_000)).toEqual([]);
  });

  it("asks for what is missing, again after a round trip, and takes it late", () => {
    const reception = new RtpReception({ kind: "video", clockRate: 90_000 });
    const sent = stream(30);
    const lost = sent[41];
    for (const one of sent) if (one !== lost) reception.take(one.bytes, one.atMs);
    const now = (sent.at(-1)?.atMs ?? 0) + 1;
    expect(reception.stats.frames).toBe(10);
    expect(reception.nacks(now)).toEqual([lost?.sequence]);
    expect(reception.nacks(now + 10)).toEqual([]);
    expect(reception.nacks(now + 90)).toEqual([lost?.sequence]);
    expect(reception.wantsKeyframe(now + 90)).toBe(false);
    if (lost !== undefined) reception.take(lost.bytes, now + 100);
    expect(reception.stats).toMatchObject({ frames: 30, recovered: 1, givenUp: 0, nacks: 2, freezes: 1 });
    expect(reception.stats.longestPauseMs).toBeGreaterThan(FREEZE_MS);
  });

  it("gives up, shows nothing until the next keyframe, and asks for one", () => {
    const reception = new RtpReception({ kind: "video", clockRate: 90_000 });
    const sent = stream(90, 60);
    const asked: number[] = [];
    for (const [index, one] of sent.entries()) {
      if (index !== 41) reception.take(one.bytes, one.atMs);
      reception.nacks(one.atMs);
      if (reception.wantsKeyframe(one.atMs)) asked.push(one.atMs);
    }
    // The frames before the hole and those from the keyframe at 60 on.
    expect(reception.stats).toMatchObject({ frames: 10 + 30, givenUp: 1, brokenFrames: 50, freezes: 1 });
    expect(asked.length).toBeGreaterThan(0);
    expect(reception.report(0, 0)).toMatchObject({ packetsLost: 1 });
  });

  it("does not count frames again that a sender repeats from its cache", () => {
    const reception = new RtpReception({ kind: "video", clockRate: 90_000 });
    const sent = stream(50);
    for (const { bytes, atMs } of sent.slice(0, 40 * PACKETS_PER_FRAME)) reception.take(bytes, atMs);
    // From the keyframe at 30 on, under new sequence numbers.
    for (let index = 30 * PACKETS_PER_FRAME; index < sent.length; index++) {
      const one = sent[index];
      if (one === undefined) continue;
      const again = Buffer.from(one.bytes);
      again.writeUInt16BE((one.sequence + 10 * PACKETS_PER_FRAME) & 0xffff, 2);
      reception.take(again, 40 * FRAME_MS);
    }
    expect(reception.stats).toMatchObject({ frames: 50, repeatedFrames: 10, missed: 0 });
  });

  it("takes each packet of audio as a frame and waits for no keyframe", () => {
    const reception = new RtpReception({ kind: "audio", clockRate: 48_000 });
    for (const [index, one] of stream(30).entries()) if (index !== 50) reception.take(one.bytes, one.atMs);
    reception.nacks(0);
    reception.nacks(5_000);
    expect(reception.stats).toMatchObject({ frames: 119, givenUp: 1 });
    expect(reception.wantsKeyframe(5_000)).toBe(false);
  });

  it("survives a jump beyond its window", () => {
    const reception = new RtpReception({ kind: "video", clockRate: 90_000 });
    const before = stream(30);
    const after = stream(30, 30, 65_500 + 10_000);
    for (const { bytes, atMs } of [...before, ...after]) reception.take(bytes, atMs);
    reception.nacks(10_000);
    expect(reception.stats.frames + reception.stats.repeatedFrames).toBeGreaterThanOrEqual(59);
    expect(reception.nacks(20_000)).toEqual([]);
  });

  it("takes no harm from packets that are none", () => {
    const reception = new RtpReception({ kind: "video", clockRate: 90_000 });
    reception.take(Buffer.alloc(5), 0);
    reception.take(Buffer.from([0x9f, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), 0);
    reception.take(
      Buffer.concat([packet(2, 0, false, 0).subarray(0, 12), Buffer.from([24, 0xff, 0xff, 1])]),
      0,
    );
    expect(reception.stats.packets).toBe(2);
  });
});
