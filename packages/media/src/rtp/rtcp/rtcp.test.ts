import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../../bytes/hex.ts";
import { joinBytes } from "../../bytes/join.ts";
import { readVector, seededNumbers } from "../../vectors-suite.ts";
import { isRtcp } from "../rtp-header.ts";
import { encodeEstimatedBitrate } from "./estimated-bitrate.ts";
import { encodeGenericNack } from "./generic-nack.ts";
import { parseRtcp, type RtcpPacket } from "./parse-rtcp.ts";
import { encodeFullIntraRequest, encodePictureLossIndication } from "./picture-loss.ts";
import { encodeReceiverReport, encodeSenderReport } from "./reports.ts";
import { encodeGoodbye, encodeSourceDescription } from "./source-description.ts";
import { encodeTransportFeedback, NOT_RECEIVED } from "./transport-feedback.ts";

interface RtcpVector {
  readonly packets: readonly {
    readonly kind: RtcpPacket["kind"];
    readonly hex: string;
    readonly expected: Readonly<Record<string, unknown>>;
  }[];
}

const { packets } = readVector<RtcpVector>("rtcp");
const code = (expected: string) => expect.objectContaining({ code: expected });

/** Arrays of JSON in the place of typed ones, null for "not received". */
function plain(packet: RtcpPacket): unknown {
  if (packet.kind !== "transport-feedback") return packet;
  const arrivalsUs = Array.from(packet.arrivalsUs, (arrival) => (arrival === NOT_RECEIVED ? null : arrival));
  return { ...packet, arrivalsUs };
}

function encode(packet: RtcpPacket): Uint8Array {
  switch (packet.kind) {
    case "sender-report":
      return encodeSenderReport(packet);
    case "receiver-report":
      return encodeReceiverReport(packet.ssrc, packet.reports);
    case "source-description":
      return encodeSourceDescription(packet.chunks[0]?.ssrc ?? 0, packet.chunks[0]?.cname ?? "");
    case "goodbye":
      return encodeGoodbye(packet.ssrcs);
    case "nack":
      return encodeGenericNack(packet.senderSsrc, packet.mediaSsrc, packet.sequences);
    case "transport-feedback":
      return encodeTransportFeedback(packet);
    case "pli":
      return encodePictureLossIndication(packet.senderSsrc, packet.mediaSsrc);
    case "fir":
      return encodeFullIntraRequest(
        packet.senderSsrc,
        packet.requests[0]?.ssrc ?? 0,
        packet.requests[0]?.sequence ?? 0,
      );
    case "remb":
      return encodeEstimatedBitrate(packet.senderSsrc, packet.bitsPerSecond, packet.ssrcs);
  }
}

describe("parseRtcp", () => {
  it.each(packets)("reads a $kind of another implementation", ({ kind, hex, expected }) => {
    const bytes = decodeHex(hex);
    expect(isRtcp(bytes)).toBe(true);
    expect(parseRtcp(bytes).map(plain)).toEqual([{ kind, ...expected }]);
  });

  it.each(packets)("reads back the $kind that we write", ({ hex }) => {
    const parsed = parseRtcp(decodeHex(hex));
    const written = joinBytes(parsed.map(encode));
    expect(parseRtcp(written)).toEqual(parsed);
    expect(written.length % 4).toBe(0);
  });

  it("reads all packets of a compound one, and passes over types that it does not know", () => {
    const unknown = decodeHex("80cf0001" + "00000001");
    const compound = joinBytes([...packets.map(({ hex }) => decodeHex(hex)), unknown, encodeGoodbye([1, 2])]);
    expect(parseRtcp(compound).map(({ kind }) => kind)).toEqual([
      ...packets.map(({ kind }) => kind),
      "goodbye",
    ]);
    expect(parseRtcp(compound).at(-1)).toEqual({ kind: "goodbye", ssrcs: [1, 2] });
  });

  it("leaves padding out", () => {
    const pli = decodeHex("a1ce0003" + "00000001" + "00000002" + "00000004");
    expect(parseRtcp(pli)).toEqual([{ kind: "pli", senderSsrc: 1, mediaSsrc: 2 }]);
    expect(() => parseRtcp(decodeHex("a1ce0002" + "00000001" + "00000000"))).toThrow(code("malformed"));
  });

  it("keeps to its limits", () => {
    const bye = encodeGoodbye([1]);
    expect(() => parseRtcp(joinBytes(Array(33).fill(bye)))).toThrow(code("too-many"));
    expect(() => parseRtcp(bye, { maxBytes: 4 })).toThrow(code("too-large"));
    const nack = decodeHex(`81cd00430000000100000002${"00000000".repeat(65)}`);
    expect(() => parseRtcp(nack)).toThrow(code("too-many"));
    const feedback = decodeHex("8fcd0005" + "0000000100000002" + "0000ffff" + "00000000" + "1fff1fff");
    expect(() => parseRtcp(feedback)).toThrow(code("too-many"));
  });
});

describe("encodeGenericNack", () => {
  it("names every packet over wraps and gaps, up to 64 entries", () => {
    const next = seededNumbers(5);
    const sequences: number[] = [];
    for (let at = 65_400; at < 66_200; at += 1 + (next() % 5)) sequences.push(at & 0xffff);
    const [nack] = parseRtcp(encodeGenericNack(1, 2, sequences));
    expect(nack).toMatchObject({ kind: "nack", sequences });
    const sparse = Array.from({ length: 100 }, (_, i) => i * 100);
    expect(parseRtcp(encodeGenericNack(1, 2, sparse))[0]).toMatchObject({ sequences: sparse.slice(0, 64) });
    expect(parseRtcp(encodeGenericNack(1, 2, [5, 5, 6]))[0]).toMatchObject({ sequences: [5, 6] });
  });
});

describe("encodeEstimatedBitrate", () => {
  it("keeps 18 significant bits", () => {
    for (const rate of [0, 1, 262_143, 262_144, 2_500_000, 40_000_000, 10_000_000_000]) {
      const [remb] = parseRtcp(encodeEstimatedBitrate(1, rate, [2]));
      const read = remb?.kind === "remb" ? remb.bitsPerSecond : -1;
      expect(read).toBeLessThanOrEqual(rate);
      expect(rate - read).toBeLessThanOrEqual(rate / 131_072);
    }
  });
});

describe("encodeTransportFeedback", () => {
  it("carries any pattern of arrivals to a quarter of a millisecond", () => {
    const next = seededNumbers(11);
    for (let round = 0; round < 200; round += 1) {
      let timeUs = next() % 64_000;
      const arrivalsUs = Int32Array.from({ length: 1 + (next() % 120) }, () => {
        if (next() % 4 === 0) return NOT_RECEIVED;
        timeUs += round % 3 === 0 ? 250 : (next() % 200_000) - 20_000;
        return timeUs;
      });
      const bytes = encodeTransportFeedback({
        senderSsrc: 1,
        mediaSsrc: 2,
        baseSequence: 65_500,
        feedbackCount: round,
        referenceTimeMs: -64 * round,
        arrivalsUs,
      });
      const [read] = parseRtcp(bytes);
      if (read?.kind !== "transport-feedback") throw new Error("no feedback");
      expect(read).toMatchObject({ baseSequence: 65_500, feedbackCount: round });
      expect(read.referenceTimeMs + 64 * round).toBe(0);
      expect(read.arrivalsUs.length).toBe(arrivalsUs.length);
      for (const [i, arrivalUs] of arrivalsUs.entries()) {
        const got = read.arrivalsUs[i] as number;
        if (arrivalUs === NOT_RECEIVED) expect(got).toBe(NOT_RECEIVED);
        else expect(Math.abs(got - arrivalUs)).toBeLessThanOrEqual(125);
      }
    }
  });

  it("says a long run in one chunk", () => {
    const bytes = encodeTransportFeedback({
      senderSsrc: 1,
      mediaSsrc: 2,
      baseSequence: 0,
      feedbackCount: 0,
      referenceTimeMs: 0,
      arrivalsUs: new Int32Array(1_000),
    });
    expect(encodeHex(bytes.subarray(20, 22))).toBe("23e8");
    expect(bytes.length).toBe(20 + 2 + 1_000 + 2);
  });

  it("refuses a gap that 16 bits cannot say", () => {
    const feedback = { senderSsrc: 1, mediaSsrc: 2, baseSequence: 0, feedbackCount: 0, referenceTimeMs: 0 };
    const arrivalsUs = Int32Array.of(0, 9_000_000);
    expect(() => encodeTransportFeedback({ ...feedback, arrivalsUs })).toThrow(code("malformed"));
    const many = new Int32Array(4_097);
    expect(() => encodeTransportFeedback({ ...feedback, arrivalsUs: many })).toThrow(code("too-many"));
  });
});
