import { encodeLegacyFrame } from "@canopy/media/container";
import { encodeTimedMessage } from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import { readTrackMessage } from "./read-track-message.ts";

describe("readTrackMessage", () => {
  const message = { v: 1, id: "m1", type: "cue", at: 1_790_000_000_000_000, data: { n: 1 } } as const;

  it("reads the JSON alone and inside a container", () => {
    const bytes = encodeTimedMessage(message);
    expect(readTrackMessage(bytes)).toEqual(message);
    expect(readTrackMessage(encodeLegacyFrame(message.at, bytes))).toEqual(message);
  });

  it("throws on anything else", () => {
    expect(() => readTrackMessage(Uint8Array.of(1, 2, 3))).toThrow();
    expect(() => readTrackMessage(new Uint8Array(0))).toThrow();
  });
});
