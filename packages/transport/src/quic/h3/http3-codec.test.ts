import { describe, expect, test } from "vitest";
import { createCapsuleReader, encodeCloseSession, encodeDrainSession } from "./capsules.ts";
import { encodeFrame, FrameReader } from "./frame-reader.ts";
import { FRAME_DATA, FRAME_HEADERS, FRAME_SETTINGS } from "./http3-codes.ts";
import { decodeHuffman } from "./huffman.ts";
import { decodeFieldSection, encodeFieldSection, fieldValue } from "./qpack.ts";
import { decodeSettings, encodeSettings, offersWebTransport } from "./settings.ts";
import { WEBTRANSPORT_CODES } from "./stream-error-codes.ts";
import { encodeString, encodeStringList, parseStringList } from "./structured-fields.ts";
import { encodeVarint, readVarint, varintLength } from "./varint.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Cheap, seeded noise. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

describe("encodeVarint", () => {
  test.each([
    [37, "25"],
    [15_293, "7bbd"],
    [494_878_333, "9d7f3e7d"],
    [0x52e4a40fa8db, "c00052e4a40fa8db"],
  ])("writes %i as RFC 9000 does", (value, expected) => {
    const bytes = encodeVarint(value);
    expect(Buffer.from(bytes).toString("hex")).toBe(expected);
    expect(varintLength(bytes[0] ?? 0)).toBe(bytes.length);
    expect(readVarint(bytes, 0)).toBe(value);
  });
});

describe("decodeHuffman", () => {
  test.each([
    ["f1e3 c2e5 f23a 6ba0 ab90 f4ff", "www.example.com"],
    ["a8eb 1064 9cbf", "no-cache"],
    ["9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", "https://www.example.com"],
    ["", ""],
  ])("decodes the examples of RFC 7541 (%s)", (bytes, text) => {
    expect(decodeHuffman(hex(bytes), 1_000)).toBe(text);
  });

  test("refuses bad padding, the end-of-string code and results over the limit", () => {
    expect(decodeHuffman(hex("a8eb10649cb0"), 1_000)).toBeUndefined();
    expect(decodeHuffman(hex("ffffffff"), 1_000)).toBeUndefined();
    expect(decodeHuffman(hex("a8eb10649cbfff"), 1_000)).toBeUndefined();
    expect(decodeHuffman(hex("a8eb10649cbf"), 3)).toBeUndefined();
  });
});

describe("decodeFieldSection", () => {
  test("reads what encodeFieldSection writes", () => {
    const fields = [
      [":method", "CONNECT"],
      ["a-name-that-is-longer-than-the-prefix", "x".repeat(500)],
      ["empty", ""],
    ] as const;
    expect(decodeFieldSection(encodeFieldSection(fields))).toEqual(fields);
  });

  test("reads static entries, names from the static table and Huffman strings", () => {
    // Indexed :method CONNECT (15), literal with the name :authority (0) and a Huffman value.
    const section = hex("0000 cf 50 8c f1e3c2e5f23a6ba0ab90f4ff");
    const fields = decodeFieldSection(section);
    expect(fields).toEqual([
      [":method", "CONNECT"],
      [":authority", "www.example.com"],
    ]);
    expect(fieldValue(fields, ":path")).toBeUndefined();
  });

  test.each([
    ["a required insert count", "0200 cf"],
    ["a dynamic index", "0000 80"],
    ["a dynamic name", "0000 40 00"],
    ["a post-base index", "0000 10"],
    ["no such static entry", "0000 ff ff01"],
    ["an endless integer", "0000 ff ffffffffffff"],
    ["a string beyond the end", "0000 21 61 7f"],
    ["nothing at all", ""],
  ])("refuses %s", (_name, bytes) => {
    expect(() => decodeFieldSection(hex(bytes))).toThrow(/QPACK/);
  });

  test("refuses a small section that unfolds to too many fields", () => {
    expect(() => decodeFieldSection(Buffer.concat([hex("0000"), Buffer.alloc(4_000, 0xcf)]))).toThrow(/many/);
  });

  test("throws nothing but its own error on noise and on every truncation", () => {
    const whole = encodeFieldSection([[":path", "/live"]]);
    const inputs = Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length));
    for (let seed = 0; seed < 500; seed += 1) inputs.push(noise(40, seed));
    for (const input of inputs) {
      try {
        decodeFieldSection(input);
      } catch (error) {
        expect(error).toMatchObject({ name: "Http3Error", code: "http3-malformed" });
      }
    }
  });
});

describe("FrameReader", () => {
  const frames = Buffer.concat([
    encodeFrame(FRAME_HEADERS, Buffer.from("headers")),
    encodeFrame(0x21, Buffer.from("grease")),
    encodeFrame(FRAME_DATA, Buffer.from("body")),
    encodeFrame(FRAME_DATA, Buffer.alloc(0)),
    encodeFrame(FRAME_SETTINGS, Buffer.alloc(0)),
  ]);

  test("reads the same frames however the bytes are split", () => {
    for (let split = 0; split <= frames.length; split += 1) {
      const seen: string[] = [];
      let data = "";
      const reader = new FrameReader(
        {
          onFrame: (type, payload) => seen.push(`${type}:${Buffer.from(payload).toString()}`),
          onData: (bytes) => {
            data += Buffer.from(bytes).toString();
          },
        },
        new Set([FRAME_HEADERS, FRAME_SETTINGS]),
      );
      reader.push(frames.subarray(0, split));
      reader.push(frames.subarray(split));
      expect(seen).toEqual([`${FRAME_HEADERS}:headers`, `${FRAME_SETTINGS}:`]);
      expect(data).toBe("body");
      expect(reader.atBoundary).toBe(true);
    }
  });

  test("refuses a long frame before it takes memory for it", () => {
    const reader = new FrameReader({ onFrame: () => {}, onData: () => {} }, new Set([FRAME_HEADERS]));
    const header = Buffer.concat([encodeVarint(FRAME_HEADERS), encodeVarint(2 ** 40)]);
    expect(() => reader.push(header)).toThrow(/too long/);
  });
});

describe("createCapsuleReader", () => {
  test("reads close and drain out of DATA frames", () => {
    const seen: unknown[] = [];
    const capsules = createCapsuleReader({
      onCloseSession: (code, reason) => seen.push([code, reason]),
      onDrainSession: () => seen.push("drain"),
    });
    const frames = new FrameReader({ onFrame: () => {}, onData: (bytes) => capsules.push(bytes) }, new Set());
    const stream = Buffer.concat([
      encodeDrainSession(),
      encodeCloseSession(0xfffffffe, Buffer.from("bye ✓")),
    ]);
    for (const byte of stream) frames.push(Uint8Array.of(byte));
    expect(seen).toEqual(["drain", [0xfffffffe, "bye ✓"]]);
  });
});

describe("decodeSettings", () => {
  test("reads our own, which offer WebTransport", () => {
    const settings = decodeSettings(encodeSettings());
    expect(settings.get(0x2b603742)).toBe(1);
    expect(settings.get(0x33)).toBe(1);
    expect(offersWebTransport(settings)).toBe(true);
    expect(offersWebTransport(new Map([[0x33, 1]]))).toBe(false);
  });

  test("refuses repeated and cut-off settings", () => {
    expect(() => decodeSettings(hex("0100 0100"))).toThrow(/repeated/);
    expect(() => decodeSettings(hex("01"))).toThrow(/cut off/);
    expect(() => decodeSettings(hex("0140"))).toThrow(/cut off/);
  });
});

describe("WEBTRANSPORT_CODES", () => {
  test("maps every application code there and back, past the reserved ones", () => {
    expect(WEBTRANSPORT_CODES.toWire(0)).toBe(0x52e4a40fa8db);
    expect(WEBTRANSPORT_CODES.toWire(0xffffffff)).toBe(0x52e5ac983162);
    for (const code of [...Array.from({ length: 200 }, (_, index) => index), 4_096, 0xfffffffe, 0xffffffff]) {
      const wire = WEBTRANSPORT_CODES.toWire(code);
      expect((wire - 0x21) % 0x1f).not.toBe(0);
      expect(WEBTRANSPORT_CODES.fromWire(wire)).toBe(code);
    }
    expect(WEBTRANSPORT_CODES.fromWire(0x10c)).toBe(0);
  });
});

describe("parseStringList", () => {
  test("reads strings in order and ignores their parameters", () => {
    expect(parseStringList('"moq-lite-05", "moq-lite-04";q=1,"a\\"b\\\\c"')).toEqual([
      "moq-lite-05",
      "moq-lite-04",
      'a"b\\c',
    ]);
    expect(parseStringList("")).toEqual([]);
    expect(parseStringList(encodeStringList(["x", 'y"z']))).toEqual(["x", 'y"z']);
    expect(encodeString("moq-lite-05")).toBe('"moq-lite-05"');
  });

  test("ignores a field that is no list of strings", () => {
    for (const field of ["moq-lite-05", '"open', '"a" "b"', '"a", 1', "\u0000", '"é"']) {
      expect(parseStringList(field)).toEqual([]);
    }
    expect(parseStringList(Array.from({ length: 65 }, () => '"a"').join(","))).toEqual([]);
  });
});
