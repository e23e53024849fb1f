import { encodeLegacyFrame } from "@canopy/media/container";
import { RtpHeader } from "@canopy/media/rtp";
import { encodeFrame } from "@canopy/protocol";
import type { WebRtcPeer } from "@canopy/transport/webrtc";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CatchUpPacer, PACE_INTERVAL_MS } from "./catch-up-pacer.ts";
import { RtpLeg } from "./rtp-leg.ts";
import { RtpTrack } from "./rtp-track.ts";

const START_US = 1_700_000_000_000_000;
const FIRST_SEQUENCE = 65_530;

interface SentPacket {
  readonly sequence: number;
  readonly payloadType: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly bytes: Buffer;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function createTrack(name = "video"): RtpTrack {
  return new RtpTrack(
    { kind: "video", name, ssrc: 1_234, maxPayloadBytes: 1_000 },
    { nowUs: () => START_US, onBadFrame: () => {} },
  );
}

/** One picture of about `packets` packets. */
function write(
  track: RtpTrack,
  picture: number,
  options: { readonly group?: boolean; readonly packets?: number } = {},
): void {
  const { group = false, packets = 1 } = options;
  const nal = Buffer.alloc(packets * 900, 0x55);
  nal[0] = group ? 0x65 : 0x41;
  const payload = Buffer.concat([Buffer.from([0, 0, 0, 1]), nal]);
  const timestampUs = START_US + picture * 40_000;
  if (group) track.onGroup();
  track.onFrame(encodeFrame(timestampUs, 0, encodeLegacyFrame(timestampUs, payload)));
}

function createLeg(options: { readonly payloadType?: number; readonly joinAt?: "group" | "live" } = {}) {
  const sent: SentPacket[] = [];
  const header = new RtpHeader();
  const peer = {
    sendRtp(packet: Uint8Array) {
      header.read(packet);
      const { sequence, payloadType, timestamp, marker } = header;
      sent.push({ sequence, payloadType, timestamp, marker, bytes: Buffer.from(packet) });
      return true;
    },
  } as unknown as WebRtcPeer;
  const released: string[] = [];
  const pacer = new CatchUpPacer();
  const leg = new RtpLeg(
    {
      payloadType: options.payloadType ?? 96,
      extensionId: 3,
      joinAt: options.joinAt ?? "group",
      firstSequence: FIRST_SEQUENCE,
    },
    { peer, pacer, framesSent: new Float64Array(2), release: (track) => released.push(track.name) },
  );
  return { leg, sent, released, pacer };
}

function expectNoGaps(sent: readonly SentPacket[]): void {
  expect(sent.map(({ sequence }) => sequence)).toEqual(
    sent.map((_packet, index) => (FIRST_SEQUENCE + index) & 0xffff),
  );
}

describe("RtpLeg", () => {
  it("waits for a group, then sends everything with sequence numbers of its own", () => {
    const track = createTrack();
    const { leg, sent } = createLeg();
    leg.follow(track);
    write(track, 0);
    expect(sent).toEqual([]);
    write(track, 1, { group: true, packets: 4 });
    write(track, 2);
    expect(sent.filter(({ marker }) => marker)).toHaveLength(2);
    expectNoGaps(sent);
  });

  it("begins with the cached group, in portions when it is large", () => {
    const track = createTrack();
    write(track, 0, { group: true, packets: 60 });
    write(track, 1);
    const { leg, sent, pacer } = createLeg();
    leg.follow(track);
    const atOnce = sent.length;
    expect(atOnce).toBeGreaterThan(0);
    expect(atOnce).toBeLessThan(30);
    // What comes meanwhile waits its turn.
    write(track, 2);
    expect(sent).toHaveLength(atOnce);
    vi.advanceTimersByTime(20 * PACE_INTERVAL_MS);
    expect(sent).toHaveLength(track.ring.end);
    expect(pacer.size).toBe(0);
    write(track, 3);
    expect(sent).toHaveLength(track.ring.end);
    expectNoGaps(sent);
  });

  it("gives each viewer his payload type and extension id in the same shared bytes", () => {
    const track = createTrack();
    const one = createLeg({ payloadType: 102 });
    const other = createLeg({ payloadType: 127 });
    one.leg.follow(track);
    other.leg.follow(track);
    write(track, 0, { group: true, packets: 3 });
    expect(new Set(one.sent.map(({ payloadType }) => payloadType))).toEqual(new Set([102]));
    expect(new Set(other.sent.map(({ payloadType }) => payloadType))).toEqual(new Set([127]));
    expect(one.sent.map(({ marker }) => marker)).toEqual(other.sent.map(({ marker }) => marker));
    expect(one.sent[0]?.bytes.subarray(12, 17)).toEqual(Buffer.from([0xbe, 0xde, 0, 1, 0x32]));
  });

  it("sends a lost packet again, the same to the bit, whatever was sent in between", () => {
    const track = createTrack();
    const { leg, sent } = createLeg();
    const other = createLeg({ payloadType: 99 });
    leg.follow(track);
    other.leg.follow(track);
    write(track, 0, { group: true, packets: 5 });
    leg.restart();
    write(track, 1);
    const originals = [...sent];
    for (const original of originals) expect(leg.retransmit(original.sequence)).toBe(1);
    expect(sent.slice(originals.length).map(({ bytes }) => bytes)).toEqual(
      originals.map(({ bytes }) => bytes),
    );
  });

  it("does not send what it never sent, or what is too old", () => {
    const track = createTrack();
    const { leg } = createLeg();
    leg.follow(track);
    expect(leg.retransmit(FIRST_SEQUENCE)).toBe(0);
    write(track, 0, { group: true });
    expect(leg.retransmit(FIRST_SEQUENCE)).toBe(1);
    expect(leg.retransmit((FIRST_SEQUENCE + 1) & 0xffff)).toBe(0);
    expect(leg.retransmit((FIRST_SEQUENCE - 1) & 0xffff)).toBe(0);
    for (let picture = 1; picture < 2_100; picture += 1) write(track, picture);
    expect(leg.retransmit(FIRST_SEQUENCE)).toBe(0);
  });

  it("starts the group again without a gap in its sequence numbers", () => {
    const track = createTrack();
    const { leg, sent } = createLeg();
    leg.follow(track);
    write(track, 0, { group: true, packets: 2 });
    write(track, 1);
    const before = sent.length;
    expect(leg.restart()).toBe(true);
    expect(sent).toHaveLength(2 * before);
    expect(sent.slice(before).map(({ timestamp }) => timestamp)).toEqual(
      sent.slice(0, before).map(({ timestamp }) => timestamp),
    );
    expectNoGaps(sent);
  });

  it("changes to another rendition at its next group and gives the former back", () => {
    const high = createTrack("high");
    const low = createTrack("low");
    const { leg, sent, released } = createLeg();
    leg.follow(high);
    write(high, 0, { group: true });
    write(low, 0, { group: true });
    leg.follow(low);
    write(high, 1);
    write(low, 1);
    expect(leg.track?.name).toBe("high");
    expect(sent).toHaveLength(2);
    write(low, 2, { group: true });
    expect(leg.track?.name).toBe("low");
    write(high, 2, { group: true });
    expect(sent).toHaveLength(3);
    expect(released).toEqual(["high"]);
    leg.stop();
    expect(released).toEqual(["high", "low"]);
    expectNoGaps(sent);
  });

  it("stays with its rendition when the change is called off", () => {
    const high = createTrack("high");
    const low = createTrack("low");
    const { leg, sent, released } = createLeg();
    leg.follow(high);
    write(high, 0, { group: true });
    leg.follow(low);
    leg.follow(high);
    write(low, 1, { group: true });
    expect(released).toEqual(["low", "high"]);
    expect(sent).toHaveLength(1);
  });

  it("answers twice what is asked for once more: the request or the answer was lost", () => {
    const track = createTrack();
    const { leg, sent } = createLeg();
    leg.follow(track);
    for (let picture = 0; picture < 400; picture += 1) write(track, picture, { group: picture === 0 });
    const original = sent[5];
    const sequence = original?.sequence ?? -1;
    sent.length = 0;
    expect(leg.retransmit(sequence)).toBe(1);
    expect(leg.retransmit(sequence)).toBe(2);
    for (const { bytes } of sent) expect(bytes).toEqual(original?.bytes);
    // Another packet in the same place of the memory is no repetition.
    expect(leg.retransmit((sequence + 256) & 0xffff)).toBe(1);
    expect(leg.retransmit(sequence)).toBe(1);
    expect(leg.retransmitted).toBe(5);
  });

  it("waits for the next group when the ring has gone on without it", () => {
    const track = createTrack();
    write(track, 0, { group: true });
    for (let picture = 1; picture < 5_000; picture += 1) write(track, picture);
    const { leg, sent } = createLeg();
    leg.follow(track);
    expect(leg.restart()).toBe(false);
    write(track, 5_000);
    expect(sent).toEqual([]);
    write(track, 5_001, { group: true });
    expect(sent).toHaveLength(1);
  });

  it("begins sound with the next packet", () => {
    const track = createTrack();
    write(track, 0, { group: true });
    const { leg, sent } = createLeg({ joinAt: "live" });
    leg.follow(track);
    expect(sent).toEqual([]);
    write(track, 1);
    expect(sent).toHaveLength(1);
  });
});
