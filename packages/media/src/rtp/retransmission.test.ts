import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { restoreRetransmitted } from "./retransmission.ts";
import { RtpHeader } from "./rtp-header.ts";

const restore = (hex: string) => {
  const packet = decodeHex(hex);
  const header = new RtpHeader();
  header.read(packet);
  return restoreRetransmitted(packet, header, 98, 0x11223344);
};

describe("restoreRetransmitted", () => {
  it("gives the original packet, without extensions", () => {
    const restored = restore("90e30007aabbccdd55667788bede000130050000fffe6501");
    expect(encodeHex(restored ?? new Uint8Array())).toBe("80e2fffeaabbccdd112233446501");
  });

  it("gives nothing for padding, and refuses half a sequence number", () => {
    expect(restore("a0630007aabbccdd5566778800000004")).toBeUndefined();
    expect(() => restore("80630007aabbccdd55667788ff")).toThrow(
      expect.objectContaining({ code: "truncated" }),
    );
  });
});
