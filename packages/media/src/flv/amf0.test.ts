import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import { flvBodies } from "../vectors-suite.ts";
import { AmfDate, AmfEcmaArray, type AmfValue, DEFAULT_AMF_LIMITS } from "./amf0-value.ts";
import { decodeAmf0 } from "./decode-amf0.ts";
import { encodeAmf0 } from "./encode-amf0.ts";

describe("decodeAmf0", () => {
  it("reads ffmpeg's onMetaData, and encodeAmf0 writes the same bytes", () => {
    const [script] = flvBodies(18);
    if (!script) throw new Error("no script tag");
    const [name, data] = decodeAmf0(script.body);
    expect(name).toBe("onMetaData");
    expect(data).toBeInstanceOf(AmfEcmaArray);
    expect((data as AmfEcmaArray).entries).toMatchObject({
      width: 160,
      height: 90,
      videocodecid: 7,
      stereo: true,
    });
    expect(encodeAmf0(decodeAmf0(script.body))).toEqual(script.body);
  });

  it("keeps every kind of value through a round trip", () => {
    const values: AmfValue[] = [
      0,
      -1.5,
      Number.POSITIVE_INFINITY,
      true,
      false,
      "",
      "h\u00e9llo \u{1f333}",
      "long".repeat(4000),
      null,
      undefined,
      new AmfDate(1_700_000_000_000),
      new AmfEcmaArray({ a: 1, b: [1, "x", null] }),
      { nested: { deeper: [{}, []] }, __proto__x: 1 },
    ];
    expect(decodeAmf0(encodeAmf0(values))).toEqual(values);
  });

  it("writes the bytes of the specification", () => {
    expect(encodeHex(encodeAmf0(["a", 1, { k: true }]))).toBe("02000161003ff00000000000000300016b0101000009");
  });

  it("keeps a key __proto__ as data", () => {
    const [value] = decodeAmf0(decodeHex("0300095f5f70726f746f5f5f030001610101000009000009"));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value as object)).toEqual(["__proto__"]);
  });

  it("keeps to its limits on depth, count, strings and size", () => {
    const code = (expected: string) => expect.objectContaining({ code: expected });
    const deep = decodeHex(`${"0a00000001".repeat(40)}05`);
    expect(() => decodeAmf0(deep)).toThrow(code("too-deep"));
    expect(() => decodeAmf0(new Uint8Array(3000).fill(5))).toThrow(code("too-many"));
    expect(() => decodeAmf0(decodeHex("0c00ffffff"))).toThrow(code("too-large"));
    expect(() => decodeAmf0(decodeHex("0affffffff0505"))).toThrow(code("truncated"));
    expect(() => decodeAmf0(new Uint8Array(70_000))).toThrow(code("too-large"));
    expect(() => decodeAmf0(decodeHex("070001"))).toThrow(code("unsupported"));
    expect(() => decodeAmf0(decodeHex("0300000a"))).toThrow(code("malformed"));
    expect(() => decodeAmf0(decodeHex("020002c328"))).toThrow(code("malformed"));
  });
});

describe("encodeAmf0", () => {
  it("refuses cycles, empty keys and results over the limit", () => {
    const cycle: Record<string, AmfValue> = {};
    cycle.self = cycle;
    expect(() => encodeAmf0([cycle])).toThrow(expect.objectContaining({ code: "too-deep" }));
    expect(() => encodeAmf0([{ "": 1 }])).toThrow(expect.objectContaining({ code: "malformed" }));
    expect(() => encodeAmf0(["x".repeat(DEFAULT_AMF_LIMITS.maxBytes)])).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });
});
