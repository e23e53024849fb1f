import { describe, expect, it } from "vitest";
import { encodeSeiMessages, encodeSeiNal, insertSei } from "../h264/sei.ts";
import { insertHevcSei } from "../hevc/sei.ts";
import type { MediaError } from "../media-error.ts";
import { joinAnnexB, splitAnnexB } from "../nal/annex-b.ts";
import { loadVideo } from "../vectors-suite.ts";
import { TimedMessageDeduplicator } from "./deduplicator.ts";
import { encodeTimedSei, SEI_TIMED_PLAIN, TIMED_SEI_UUID, TIMED_SEI_UUID_BYTES } from "./encode-sei.ts";
import {
  decodeTimedMessage,
  encodeTimedMessage,
  MAX_TIMED_MESSAGE_BYTES,
  type TimedMessage,
  validateTimedMessage,
} from "./message.ts";
import { readTimedMessages } from "./read-sei.ts";

const message: TimedMessage = {
  v: 1,
  id: "01JD3Z5Q8Y7X6W5V4T3S2R1Q0P",
  type: "quiz",
  at: 1_764_000_000_123_456,
  data: { question: "wie heißt das?", options: ["a", null, 3.5, { deep: true }] },
};
const slice = Uint8Array.of(0x41, 0x9a, 0x10);
const hevcSlice = Uint8Array.of(0x02, 0x01, 0xd0);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("encodeTimedMessage", () => {
  it("writes JSON that decodeTimedMessage reads back", () => {
    const bytes = encodeTimedMessage(message);
    expect(JSON.parse(text(bytes))).toEqual(message);
    expect(decodeTimedMessage(bytes)).toEqual(message);
  });

  it("counts bytes, not characters, against the limit", () => {
    const empty = encodeTimedMessage({ ...message, data: "" }).length;
    const room = MAX_TIMED_MESSAGE_BYTES - empty;
    expect(encodeTimedMessage({ ...message, data: "x".repeat(room) })).toHaveLength(MAX_TIMED_MESSAGE_BYTES);
    expect(() => encodeTimedMessage({ ...message, data: "x".repeat(room + 1) })).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
    expect(() => encodeTimedMessage({ ...message, data: "ä".repeat(room / 2 + 1) })).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });

  it("refuses data that is not JSON", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    for (const data of [cycle, 1n, undefined, () => 1]) {
      expect(() => encodeTimedMessage({ ...message, data } as unknown as TimedMessage)).toThrow(
        expect.objectContaining({ code: "malformed" }),
      );
    }
  });
});

describe("validateTimedMessage", () => {
  it("drops unknown keys and takes null as data", () => {
    expect(validateTimedMessage({ ...message, data: null, extra: 1 })).toEqual({ ...message, data: null });
  });

  it.each([
    ["v", "1"],
    ["id", ""],
    ["id", 5],
    ["id", "x".repeat(65)],
    ["type", ""],
    ["type", undefined],
    ["at", 1.5],
    ["at", -1],
    ["at", 2 ** 53],
    ["at", "1764000000123456"],
    ["data", undefined],
  ])("refuses %s = %j", (key, value) => {
    expect(() => validateTimedMessage({ ...message, [key]: value })).toThrow(
      expect.objectContaining({ code: "malformed", field: `timed.${key}` }),
    );
  });

  it("tells another version from a broken one", () => {
    expect(() => validateTimedMessage({ ...message, v: 2 })).toThrow(
      expect.objectContaining({ code: "unsupported" }),
    );
    for (const value of [null, [], "x", 1]) {
      expect(() => validateTimedMessage(value)).toThrow(expect.objectContaining({ code: "malformed" }));
    }
  });
});

describe("encodeTimedSei", () => {
  it("starts with the UUID that it exports as text", () => {
    const hex = TIMED_SEI_UUID_BYTES.map((byte) => byte.toString(16).padStart(2, "0")).join("");
    expect(hex).toBe(TIMED_SEI_UUID.replaceAll("-", ""));
    const bytes = encodeTimedMessage(message);
    const nal = encodeTimedSei(bytes);
    expect([...nal.subarray(0, 2)]).toEqual([6, 5]);
    expect(text(nal)).toContain(text(bytes));
  });

  it("refuses more than a message may have", () => {
    expect(() => encodeTimedSei(new Uint8Array(1025))).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });
});

describe("readTimedMessages", () => {
  const bytes = encodeTimedMessage(message);

  it.each(["h264", "hevc"] as const)("finds what encodeTimedSei wrote for %s", (codec) => {
    const picture = codec === "h264" ? slice : hevcSlice;
    const insert = codec === "h264" ? insertSei : insertHevcSei;
    for (const alsoPlain of [false, true]) {
      const frame = insert(joinAnnexB([picture]), [encodeTimedSei(bytes, { codec, alsoPlain })]);
      expect(readTimedMessages(frame, codec)).toEqual([{ message, bytes }]);
    }
  });

  it("finds messages in every SEI unit in front of the picture, and none behind", () => {
    const other = { ...message, id: "second", data: "\u0000\u0000\u0001" };
    const nals = [encodeTimedSei(bytes), encodeTimedSei(encodeTimedMessage(other))];
    expect(readTimedMessages(joinAnnexB([...nals, slice])).map((found) => found.message)).toEqual([
      message,
      other,
    ]);
    expect(readTimedMessages(joinAnnexB([slice, ...nals]))).toEqual([]);
  });

  it("reads the plain form alone", () => {
    const nal = encodeSeiNal(SEI_TIMED_PLAIN, bytes);
    expect(readTimedMessages(joinAnnexB([nal, slice]))).toEqual([{ message, bytes }]);
  });

  it("survives zeros in the payload, which need emulation prevention", () => {
    const padded = Uint8Array.of(0, 0, 0, 1, 0, 0, 2);
    const foreign = { payloadType: 5, payload: padded };
    const ours = { payloadType: 5, payload: Uint8Array.of(...TIMED_SEI_UUID_BYTES, ...bytes) };
    const frame = joinAnnexB([encodeSeiMessages([foreign, ours]), slice]);
    expect(readTimedMessages(frame).map((found) => found.message)).toEqual([message]);
  });

  it("passes over foreign SEI in silence and over broken messages with a word", () => {
    expect(readTimedMessages(loadVideo("h264-baseline").bytes)).toEqual([]);
    const errors: MediaError[] = [];
    const broken = encodeSeiNal(5, Uint8Array.of(...TIMED_SEI_UUID_BYTES, 0x7b));
    const truncated = Uint8Array.of(6, 5, 200, 1);
    const frame = joinAnnexB([broken, truncated, encodeTimedSei(bytes), slice]);
    const found = readTimedMessages(frame, "h264", (error) => errors.push(error));
    expect(found).toHaveLength(1);
    expect(errors.map((error) => error.code)).toEqual(["malformed", "truncated"]);
  });

  it("finds nothing in nothing", () => {
    expect(readTimedMessages(new Uint8Array(0))).toEqual([]);
    expect(readTimedMessages(Uint8Array.of(0, 0, 1))).toEqual([]);
  });

  it("does not disturb a real access unit", () => {
    const { bytes: stream } = loadVideo("h264-sliced-zerolatency");
    const marked = insertSei(stream, [encodeTimedSei(bytes)]);
    const rest = splitAnnexB(marked).filter((nal) => !text(nal).includes(message.id));
    expect(rest).toEqual(splitAnnexB(stream));
  });
});

describe("TimedMessageDeduplicator", () => {
  it("lets the first copy through and counts the others", () => {
    const seen = new TimedMessageDeduplicator();
    expect([seen.isNew("a"), seen.isNew("a"), seen.isNew("b"), seen.isNew("a")]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([seen.duplicates, seen.evicted]).toEqual([2, 0]);
  });

  it("forgets the oldest when it is full", () => {
    const seen = new TimedMessageDeduplicator({ capacity: 2 });
    for (const id of ["a", "b", "c"]) seen.isNew(id);
    expect([seen.size, seen.evicted]).toEqual([2, 1]);
    expect([seen.isNew("b"), seen.isNew("c"), seen.isNew("a")]).toEqual([false, false, true]);
  });
});
