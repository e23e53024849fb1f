import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { isSlice, NAL_AUD, nalUnitType } from "../h264/nal-unit-type.ts";
import { joinAnnexB, splitAnnexB } from "../nal/annex-b.ts";
import { H264_VECTORS, loadVideo, readVector, seededBytes, seededNumbers } from "../vectors-suite.ts";
import { type H264AccessUnit, H264Depacketizer } from "./h264-depacketizer.ts";
import { H264Packetizer } from "./h264-packetizer.ts";
import { FU_A, STAP_A } from "./h264-payload.ts";
import { RtpHeader } from "./rtp-header.ts";
import { RtpStream } from "./rtp-stream.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });

/** Access units of a stream that has AUDs, or one per slice. */
function accessUnits(nals: readonly Uint8Array[]): Uint8Array[] {
  const units: Uint8Array[][] = [];
  const hasAud = nals.some((nal) => nalUnitType(nal[0]) === NAL_AUD);
  for (const nal of nals) {
    const type = nalUnitType(nal[0]);
    const last = units.at(-1);
    const begins = hasAud
      ? type === NAL_AUD
      : last?.some((before) => isSlice(nalUnitType(before[0]))) === true;
    if (last === undefined || begins) units.push([nal]);
    else last.push(nal);
  }
  return units.map(joinAnnexB);
}

function depacketizer(options = {}) {
  const units: H264AccessUnit[] = [];
  const header = new RtpHeader();
  const inner = new H264Depacketizer(options, { onAccessUnit: (unit) => units.push(unit) });
  const push = (packet: Uint8Array) => {
    header.read(packet);
    inner.push(
      packet,
      header.payloadStart,
      header.payloadEnd,
      header.sequence,
      header.timestamp,
      header.marker,
    );
  };
  return { units, push };
}

const stream = () => new RtpStream({ ssrc: 7, payloadType: 96, firstSequence: 65_530 });

/** One packet by hand: payload bytes in hex. */
function packet(sequence: number, timestamp: number, marker: boolean, payload: string): Uint8Array {
  const bytes = decodeHex(payload);
  const whole = new Uint8Array(12 + bytes.length);
  new RtpStream({ ssrc: 7, payloadType: 96, firstSequence: sequence }).writeHeader(whole, marker, timestamp);
  whole.set(bytes, 12);
  return whole;
}

describe("H264Packetizer", () => {
  it.each(H264_VECTORS)("sends %s so that the depacketizer gets every access unit back", (name) => {
    for (const maxPayloadBytes of [64, 200, 1_188]) {
      const units = accessUnits(loadVideo(name).nals);
      const packetizer = new H264Packetizer(stream(), { maxPayloadBytes });
      const receiver = depacketizer();
      for (const [i, unit] of units.entries()) {
        const packets: Uint8Array[] = [];
        expect(packetizer.packetize(unit, i * 3_000, packets)).toBe(packets.length);
        for (const one of packets) {
          expect(one.length).toBeLessThanOrEqual(12 + maxPayloadBytes);
          receiver.push(one);
        }
      }
      expect(receiver.units.map(({ bytes }) => encodeHex(bytes))).toEqual(units.map(encodeHex));
      expect(receiver.units.map(({ rtpTimestamp }) => rtpTimestamp)).toEqual(units.map((_, i) => i * 3_000));
      expect(receiver.units[0]?.isKeyframe).toBe(true);
    }
  });

  it("shares packets between small neighbours and cuts what is large into equal parts", () => {
    const unit = joinAnnexB([
      Uint8Array.of(0x09, 0xf0),
      Uint8Array.of(0x67, 1, 2),
      Uint8Array.of(0x68, 3),
      Uint8Array.from({ length: 250 }, (_, i) => (i === 0 ? 0x65 : 9)),
    ]);
    const packets: Uint8Array[] = [];
    new H264Packetizer(stream(), { maxPayloadBytes: 100 }).packetize(unit, 5, packets);
    expect(encodeHex((packets[0] as Uint8Array).subarray(12))).toBe(
      "780002" + "09f0" + "0003" + "670102" + "0002" + "6803",
    );
    expect(packets.slice(1).map((one) => encodeHex(one.subarray(12, 14)))).toEqual(["7c85", "7c05", "7c45"]);
    expect(packets.slice(1).map((one) => one.length - 14)).toEqual([83, 83, 83]);
    expect(packets.map((one) => (one[1] as number) >>> 7)).toEqual([0, 0, 0, 1]);
    expect(packets.map((one) => ((one[2] as number) << 8) | (one[3] as number))).toEqual([
      65_530, 65_531, 65_532, 65_533,
    ]);
    expect(new Set(packets.map((one) => one.buffer)).size).toBe(1);
  });

  it("counts packets and payload for sender reports, and carries the stream's extension", () => {
    const extension = decodeHex("bede000130000000");
    const shared = new RtpStream({ ssrc: 1, payloadType: 100, extension });
    const packets: Uint8Array[] = [];
    new H264Packetizer(shared).packetize(joinAnnexB([Uint8Array.of(0x65, 1, 2)]), 5, packets);
    expect(encodeHex(packets[0] as Uint8Array)).toBe(
      "90e400000000000500000001" + "bede000130000000" + "650102",
    );
    expect([shared.packets, shared.octets, shared.sequence]).toEqual([1, 3, 1]);
  });

  it("refuses what holds no NAL unit, and counts nothing then", () => {
    const shared = stream();
    const packetizer = new H264Packetizer(shared);
    expect(() => packetizer.packetize(Uint8Array.of(0, 0, 1), 0, [])).toThrow(code("malformed"));
    expect(() => packetizer.packetize(Uint8Array.of(1, 2, 3), 0, [])).toThrow(code("malformed"));
    expect(() => packetizer.packetize(new Uint8Array(0), 0, [])).toThrow(code("malformed"));
    expect(shared.packets).toBe(0);
  });
});

interface RtpVector {
  readonly annexB: string;
  readonly packets: readonly string[];
}

describe("H264Depacketizer", () => {
  it("reads what ffmpeg sends", () => {
    const vector = readVector<RtpVector>("rtp-h264-ffmpeg");
    const receiver = depacketizer();
    const types = new Set<number>();
    for (const hex of vector.packets) {
      const bytes = decodeHex(hex);
      types.add((bytes[12] as number) & 0x1f);
      receiver.push(bytes);
    }
    expect(types).toContain(FU_A);
    expect(types).toContain(STAP_A);
    const nals = receiver.units.flatMap(({ bytes }) => splitAnnexB(bytes)).map(encodeHex);
    expect(nals).toEqual(splitAnnexB(decodeHex(vector.annexB)).map(encodeHex));
    expect(receiver.units.map(({ isKeyframe }) => isKeyframe)).toEqual([true, false, false, true, false]);
    expect(receiver.units.map(({ followsLoss }) => followsLoss)).toEqual([true, false, false, false, false]);
  });

  it("delivers no unit with a part missing, and says so at the next one", () => {
    const next = seededNumbers(3);
    const units = Array.from({ length: 12 }, (_, i) =>
      joinAnnexB([Uint8Array.of(0x41, 0x80 | i, ...seededBytes(next, 400).map((byte) => byte | 4))]),
    );
    const all: Uint8Array[] = [];
    const packetizer = new H264Packetizer(stream(), { maxPayloadBytes: 150 });
    const firsts = units.map((unit, i) => {
      const first = all.length;
      packetizer.packetize(unit, i, all);
      return first;
    });
    for (let lost = 3; lost < all.length - 3; lost += 1) {
      const receiver = depacketizer();
      for (const [i, one] of all.entries()) if (i !== lost) receiver.push(one);
      const damaged = firsts.findLastIndex((first) => first <= lost);
      const expected = units.map((_, i) => i).filter((i) => i !== damaged);
      expect(receiver.units.map(({ rtpTimestamp }) => rtpTimestamp)).toEqual(expected);
      expect(
        receiver.units.filter(({ followsLoss }) => followsLoss).map((unit) => unit.rtpTimestamp),
      ).toEqual(damaged === 0 ? [1] : [0, damaged + 1]);
    }
  });

  it("ends a unit where the timestamp changes, for senders without the marker", () => {
    const receiver = depacketizer();
    receiver.push(packet(1, 10, false, "6701"));
    receiver.push(packet(2, 10, false, "65ff"));
    receiver.push(packet(3, 20, false, "41ff"));
    expect(receiver.units.map(({ bytes }) => encodeHex(bytes))).toEqual(["000000016701" + "0000000165ff"]);
  });

  it("goes on from any sequence number after a restart", () => {
    const units: H264AccessUnit[] = [];
    const inner = new H264Depacketizer({}, { onAccessUnit: (unit) => units.push(unit) });
    const payload = decodeHex("65ff");
    inner.push(payload, 0, 2, 9_000, 10, false);
    inner.restart();
    inner.push(payload, 0, 2, 100, 20, true);
    expect(units.map(({ rtpTimestamp, followsLoss }) => [rtpTimestamp, followsLoss])).toEqual([[20, true]]);
  });

  it("passes over padding, duplicates and what comes late", () => {
    const receiver = depacketizer();
    receiver.push(packet(1, 10, true, "65ff"));
    receiver.push(packet(2, 10, false, ""));
    receiver.push(packet(1, 10, true, "65ff"));
    receiver.push(packet(3, 20, true, "41ff"));
    expect(receiver.units.map(({ followsLoss }) => followsLoss)).toEqual([true, false]);
  });

  it("takes a whole unit after loss when it can be seen where it begins", () => {
    const receiver = depacketizer();
    receiver.push(packet(1, 10, true, "65ff"));
    receiver.push(packet(3, 20, true, "41ff"));
    receiver.push(packet(5, 30, true, "417f"));
    receiver.push(packet(6, 40, true, "41ff"));
    expect(receiver.units.map((unit) => [unit.rtpTimestamp, unit.followsLoss])).toEqual([
      [10, true],
      [20, true],
      [40, true],
    ]);
  });

  it.each([
    ["STAP-B", "79000000", "unsupported"],
    ["MTAP16", "7a000000", "unsupported"],
    ["MTAP24", "7b000000", "unsupported"],
    ["FU-B", "7d85000011", "unsupported"],
    ["type 0", "6000", "unsupported"],
    ["type 31", "7f00", "unsupported"],
    ["a STAP-A that ends early", "78000967", "truncated"],
    ["half a size in a STAP-A", "780001" + "67" + "00", "truncated"],
    ["a STAP-A inside a STAP-A", "78000278ff", "malformed"],
    ["an empty FU-A", "7c85", "truncated"],
    ["a FU-A of a FU-A", "7c9cff", "malformed"],
    ["a FU-A that never began", "7c05ff", "malformed"],
  ])("refuses %s and goes on with the next unit", (_, payload, expected) => {
    const receiver = depacketizer();
    receiver.push(packet(1, 10, true, "65ff"));
    expect(() => receiver.push(packet(2, 20, true, payload))).toThrow(code(expected));
    receiver.push(packet(3, 30, true, "65ff"));
    expect(receiver.units.map((unit) => [unit.rtpTimestamp, unit.followsLoss])).toEqual([
      [10, true],
      [30, true],
    ]);
  });

  it("keeps to its limits of bytes and NAL units", () => {
    const receiver = depacketizer({ maxAccessUnitBytes: 100 });
    receiver.push(packet(1, 10, false, `65ff${"aa".repeat(60)}`));
    expect(() => receiver.push(packet(2, 10, false, `65ff${"aa".repeat(60)}`))).toThrow(code("too-large"));
    const small = depacketizer();
    expect(() => {
      for (let i = 0; i < 1_025; i += 1) small.push(packet(i, 10, false, "06ff"));
    }).toThrow(code("too-many"));
  });
});
