import { encodeCatalog } from "@canopy/media/catalog";
import { describe, expect, it } from "vitest";
import { CatalogReader } from "./catalog-reader.ts";

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const VIDEO = { renditions: { hd: { codec: "avc1.42c01e", codedWidth: 640, codedHeight: 360 } } };

describe("CatalogReader", () => {
  it("reads whole documents, and merges patches into the last one", () => {
    const reader = new CatalogReader();
    expect(reader.read(bytes({ video: VIDEO, chat: { track: "chat" } }), true)).toEqual({
      video: VIDEO,
      chat: { track: "chat" },
    });
    expect(reader.read(bytes({ chat: null, poll: { open: true } }), false)).toEqual({
      video: VIDEO,
      poll: { open: true },
    });
    expect(reader.read(bytes({ video: VIDEO }), true)).toEqual({ video: VIDEO });
  });

  it("leaves nulls out at any depth, so that what it read can be told to players", () => {
    const reader = new CatalogReader();
    const hd = { ...VIDEO.renditions.hd, hint: [1, null, { a: null, b: 2 }] };
    const catalog = reader.read(bytes({ video: { renditions: { hd } }, place: { lat: null, lon: 5 } }), true);
    expect(catalog).toEqual({
      video: { renditions: { hd: { ...VIDEO.renditions.hd, hint: [1, { b: 2 }] } } },
      place: { lon: 5 },
    });
    expect(() => encodeCatalog(catalog)).not.toThrow();
  });
});
