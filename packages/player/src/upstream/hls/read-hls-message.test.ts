import { encodeId3Text } from "@canopy/media/cmaf";
import { encodeTimedMessage } from "@canopy/media/timed";
import { describe, expect, it } from "vitest";
import { readAttribute, readId3Messages, readMessage, TIMED_CLASS } from "./read-hls-message.ts";

const message = {
  v: 1,
  id: "m1",
  type: "cue",
  at: 1_790_000_000_000_000,
  data: { text: "Grüße 👋" },
} as const;
const json = encodeTimedMessage(message);
const tag = encodeId3Text(TIMED_CLASS, json);

describe("readId3Messages", () => {
  it("finds the message in the tag that the edge writes", () => {
    expect(readId3Messages(tag)).toEqual([message]);
  });

  it("passes over tags of others", () => {
    expect(readId3Messages(encodeId3Text("com.other", json))).toEqual([]);
    expect(readId3Messages(encodeId3Text(`${TIMED_CLASS}.other`, json))).toEqual([]);
  });

  it("reads nothing from a tag that is cut off anywhere, or holds anything else", () => {
    for (let length = 0; length < tag.length - 1; length += 1) {
      expect(readId3Messages(tag.subarray(0, length))).toEqual([]);
    }
    let seed = 7;
    for (let round = 0; round < 2_000; round += 1) {
      const bytes = tag.slice();
      for (let change = 0; change < 4; change += 1) {
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
        bytes[seed % bytes.length] = (seed >>> 8) & 0xff;
      }
      expect(readId3Messages(bytes).length).toBeLessThanOrEqual(1);
    }
    expect(readId3Messages(new Uint8Array(100_000).fill(0x49))).toEqual([]);
  });
});

describe("readAttribute", () => {
  it("reads base64 of the JSON, and nothing else", () => {
    expect(readAttribute(btoa(String.fromCharCode(...json)))).toEqual(message);
    expect(readAttribute("%%%")).toBeUndefined();
    expect(readAttribute("")).toBeUndefined();
    expect(readAttribute(btoa("{}"))).toBeUndefined();
    expect(readAttribute("A".repeat(100_000))).toBeUndefined();
  });
});

describe("readMessage", () => {
  it("passes over what is no message, or too long", () => {
    expect(readMessage(json)).toEqual(message);
    expect(readMessage(new Uint8Array(0))).toBeUndefined();
    expect(readMessage(new TextEncoder().encode(`{"v":1,"id":"${"x".repeat(2_000)}"}`))).toBeUndefined();
  });
});
