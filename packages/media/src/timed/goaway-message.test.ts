import { describe, expect, it } from "vitest";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { decodeGoawayMessage, encodeGoawayMessage } from "./goaway-message.ts";
import { decodeTimedMessage, encodeTimedMessage } from "./message.ts";

describe("decodeGoawayMessage", () => {
  it.each(["https://edge-2.example.com:4443", ""])("reads what was written: %j", (url) => {
    expect(decodeGoawayMessage(encodeUtf8(encodeGoawayMessage(url)))).toBe(url);
  });

  it("takes no timed message for one, and is none itself", () => {
    const timed = encodeTimedMessage({
      v: 1,
      id: "01HZY3A",
      type: "cue",
      at: 1_700_000_000_000_000,
      data: 1,
    });
    expect(decodeGoawayMessage(timed)).toBeUndefined();
    expect(() => decodeTimedMessage(encodeUtf8(encodeGoawayMessage("https://a/")))).toThrow();
  });

  it.each(["", "{", "null", "[]", '"goaway"', '{"goaway":1}', "{}"])("passes over %j", (text) => {
    expect(decodeGoawayMessage(encodeUtf8(text))).toBeUndefined();
  });

  it("passes over what is too long or no UTF-8", () => {
    expect(decodeGoawayMessage(encodeUtf8(encodeGoawayMessage("x".repeat(5_000))))).toBeUndefined();
    expect(decodeGoawayMessage(Uint8Array.of(0xff, 0xfe))).toBeUndefined();
  });
});
