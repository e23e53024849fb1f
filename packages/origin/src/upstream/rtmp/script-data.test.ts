import { AmfDate, AmfEcmaArray, encodeAmf0 } from "@canopy/media/flv";
import { describe, expect, it } from "vitest";
import { readScriptData } from "./script-data.ts";

describe("readScriptData", () => {
  it("reads onMetaData, plain and wrapped", () => {
    const metadata = new AmfEcmaArray({
      framerate: 29.97,
      videodatarate: 1500,
      audiodatarate: 128,
      width: 1280,
    });
    const expected = {
      kind: "metadata",
      metadata: { framerate: 29.97, videoBitrateBps: 1_500_000, audioBitrateBps: 128_000 },
    };
    expect(readScriptData(encodeAmf0(["@setDataFrame", "onMetaData", metadata]))).toEqual(expected);
    expect(readScriptData(encodeAmf0(["onMetaData", metadata]))).toEqual(expected);
  });

  it("passes over values that cannot be true", () => {
    const metadata = { framerate: Number.NaN, videodatarate: -1, audiodatarate: 1e12 };
    expect(readScriptData(encodeAmf0(["onMetaData", metadata]))).toEqual({
      kind: "metadata",
      metadata: { framerate: undefined, videoBitrateBps: undefined, audioBitrateBps: undefined },
    });
    expect(readScriptData(encodeAmf0(["onMetaData"]))).toMatchObject({ kind: "metadata" });
  });

  it("makes messages of onTextData and onCuePoint, with the type that they name", () => {
    expect(readScriptData(encodeAmf0(["onTextData", { text: "hello" }]))).toEqual({
      kind: "message",
      type: "text",
      data: { text: "hello" },
    });
    const cue = { type: "quiz", id: 7, list: [1, true, null], when: new AmfDate(0) };
    expect(readScriptData(encodeAmf0(["onCuePoint", cue]))).toEqual({
      kind: "message",
      type: "quiz",
      data: { id: 7, list: [1, true, null], when: "1970-01-01T00:00:00.000Z" },
    });
    expect(readScriptData(encodeAmf0(["onTextData", "hi"]))).toEqual({
      kind: "message",
      type: "text",
      data: "hi",
    });
  });

  it("leaves other data messages alone", () => {
    expect(readScriptData(encodeAmf0(["onFI", { sd: "x" }]))).toEqual({ kind: "other" });
    expect(readScriptData(new Uint8Array())).toEqual({ kind: "other" });
  });
});
