import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { decodeLegacyFrame, encodeLegacyFrame } from "../container/legacy-frame.ts";
import { joinAnnexB } from "../nal/annex-b.ts";
import { readVector } from "../vectors-suite.ts";
import { encodeTimedSei } from "./encode-sei.ts";
import { encodeTimedMessage, type TimedMessage } from "./message.ts";
import { readTimedMessages } from "./read-sei.ts";

interface CanopyForms {
  readonly timed: readonly {
    readonly message: TimedMessage;
    readonly h264: string;
    readonly h264AlsoPlain: string;
    readonly hevc: string;
  }[];
  readonly legacyFrames: readonly {
    readonly timestampUs: number;
    readonly payload: string;
    readonly frame: string;
  }[];
}

// Written by a script that shares no code with this package.
const { timed, legacyFrames } = readVector<CanopyForms>("canopy-forms");

describe("encodeTimedSei and readTimedMessages", () => {
  it.each(timed)(
    "write and read the bytes of the vector for $message.id",
    ({ message, h264, h264AlsoPlain, hevc }) => {
      const bytes = encodeTimedMessage(message);
      expect(encodeHex(encodeTimedSei(bytes))).toBe(h264);
      expect(encodeHex(encodeTimedSei(bytes, { alsoPlain: true }))).toBe(h264AlsoPlain);
      expect(encodeHex(encodeTimedSei(bytes, { codec: "hevc" }))).toBe(hevc);
      for (const hex of [h264, h264AlsoPlain]) {
        const frame = joinAnnexB([decodeHex(hex), Uint8Array.of(0x41, 0x9a)]);
        expect(readTimedMessages(frame).map((found) => found.message)).toEqual([message]);
      }
      const frame = joinAnnexB([decodeHex(hevc), Uint8Array.of(0x02, 0x01)]);
      expect(readTimedMessages(frame, "hevc").map((found) => found.message)).toEqual([message]);
    },
  );
});

describe("encodeLegacyFrame and decodeLegacyFrame", () => {
  it.each(legacyFrames)("write and read the bytes of the vector for $timestampUs µs", (vector) => {
    const payload = decodeHex(vector.payload);
    expect(encodeHex(encodeLegacyFrame(vector.timestampUs, payload))).toBe(vector.frame);
    expect(decodeLegacyFrame(decodeHex(vector.frame))).toEqual({ timestampUs: vector.timestampUs, payload });
  });
});
