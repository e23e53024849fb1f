import { describe, expect, it } from "vitest";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { type Catalog, DEFAULT_CATALOG_LIMITS } from "./catalog.ts";
import { encodeCatalog } from "./encode-catalog.ts";
import { parseCatalog } from "./parse-catalog.ts";

const catalog: Catalog = {
  video: {
    renditions: {
      video: { codec: "avc1.64001f", codedWidth: 1280, codedHeight: 720, framerate: 30, bitrate: 1_500_000 },
    },
    display: { width: 1280, height: 720 },
  },
  audio: {
    renditions: {
      audio: { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2, description: "1190" },
    },
  },
  canopy: { timed: { track: "timed" }, publisher: "rtmp", bFrames: false },
};

const parse = (value: unknown) => parseCatalog(encodeUtf8(JSON.stringify(value)));
const code = (expected: string) => expect.objectContaining({ code: expected });

describe("parseCatalog", () => {
  it("reads what encodeCatalog wrote", () => {
    expect(parseCatalog(encodeCatalog(catalog))).toEqual(catalog);
    expect(parseCatalog(encodeUtf8("{}"))).toEqual({});
  });

  it("keeps unknown keys of the root, of sections and of renditions", () => {
    const extended = {
      ...catalog,
      chat: { track: "chat" },
      video: { renditions: { v: { codec: "av01.0.04M.08", hint: [1, null] } }, theirs: true },
    };
    expect(parse(extended)).toEqual(extended);
  });

  it("takes optional fields that are null or of the wrong kind as absent", () => {
    const rendition = {
      codec: "avc1.64001f",
      codedWidth: "wide",
      framerate: null,
      description: "xyz",
      bitrate: -1,
    };
    expect(parse({ video: { renditions: { v: rendition }, rotation: "up" }, audio: null })).toEqual({
      video: { renditions: { v: { codec: "avc1.64001f" } } },
    });
  });

  it("reads which renditions are bridged, and leaves out what is no list of names", () => {
    const bridges = { "audio-opus": "audio" };
    expect(parse({ canopy: { bridges } }).canopy?.bridges).toEqual(bridges);
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`a${i}`, "audio"]));
    for (const wrong of ["audio", ["audio"], { "audio-opus": 5 }, { "audio-opus": "" }, many]) {
      expect(parse({ canopy: { bridges: wrong, bFrames: true } }).canopy).toEqual({ bFrames: true });
    }
    expect(parseCatalog(encodeCatalog({ canopy: { bridges } })).canopy).toEqual({ bridges });
  });

  it("leaves out renditions in a container that it does not know", () => {
    const renditions = {
      a: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2, container: { kind: "next" } },
      b: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2, container: { kind: "legacy" } },
      c: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2, container: "legacy" },
    };
    expect(Object.keys(parse({ audio: { renditions } }).audio?.renditions ?? {})).toEqual(["b"]);
  });

  it.each([
    [{ video: { renditions: { v: { codedWidth: 1 } } } }, "catalog.video.renditions.v.codec"],
    [
      { audio: { renditions: { a: { codec: "opus", numberOfChannels: 2 } } } },
      "catalog.audio.renditions.a.sampleRate",
    ],
    [
      { audio: { renditions: { a: { codec: "opus", sampleRate: 48_000 } } } },
      "catalog.audio.renditions.a.numberOfChannels",
    ],
    [{ video: {} }, "catalog.video.renditions"],
    [{ video: { renditions: { v: "avc1" } } }, "catalog.video.renditions.v"],
    [[], "catalog.root"],
    [5, "catalog.root"],
  ])("refuses %j", (value, field) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: "malformed", field }));
  });

  it("keeps to its limits", () => {
    expect(() => parseCatalog(new Uint8Array(DEFAULT_CATALOG_LIMITS.maxBytes + 1))).toThrow(
      code("too-large"),
    );
    const renditions = Object.fromEntries(
      Array.from({ length: 65 }, (_, i) => [`v${i}`, { codec: "avc1.64001f" }]),
    );
    expect(() => parse({ video: { renditions } })).toThrow(code("too-many"));
    expect(() => parse(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i])))).toThrow(
      code("too-many"),
    );
    expect(() => parseCatalog(encodeUtf8("{"))).toThrow(code("malformed"));
    expect(() => parseCatalog(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow(code("malformed"));
  });

  it("keeps a track __proto__ as data", () => {
    const parsed = parseCatalog(encodeUtf8('{"video":{"renditions":{"__proto__":{"codec":"avc1.64001f"}}}}'));
    expect(Object.keys(parsed.video?.renditions ?? {})).toEqual(["__proto__"]);
  });
});

describe("encodeCatalog", () => {
  it("refuses null, wrong kinds and missing required fields", () => {
    const bad = (rendition: object) =>
      encodeCatalog({ video: { renditions: { v: rendition } } } as unknown as Catalog);
    expect(() => bad({ codec: "avc1.64001f", framerate: null })).toThrow(code("malformed"));
    expect(() => bad({ codec: "avc1.64001f", codedWidth: "1280" })).toThrow(code("malformed"));
    expect(() => bad({ codedWidth: 1280 })).toThrow(code("malformed"));
    expect(() => bad({ codec: "avc1.64001f", container: { kind: "other" } })).toThrow(code("malformed"));
    expect(() => encodeCatalog({ extra: null })).toThrow(code("malformed"));
  });

  it("leaves out keys that are undefined", () => {
    const sparse = { ...catalog, audio: undefined } as unknown as Catalog;
    expect(parseCatalog(encodeCatalog(sparse)).audio).toBeUndefined();
  });
});
