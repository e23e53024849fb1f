import { encodeCatalog } from "@canopy/media/catalog";
import { describe, expect, it } from "vitest";
import { CatalogReader } from "./catalog-reader.ts";

function read(reader: CatalogReader, document: unknown, first: boolean): unknown {
  return reader.read(Buffer.from(JSON.stringify(document)), first);
}

const DOCUMENT = {
  video: { renditions: { hd: { codec: "avc1.42c01e", bitrate: 1 }, sd: { codec: "avc1.42c01e" } } },
  chat: { track: "chat" },
};

describe("CatalogReader", () => {
  it("takes each group's first frame as the whole document", () => {
    const reader = new CatalogReader();
    expect(read(reader, DOCUMENT, true)).toEqual(DOCUMENT);
    expect(read(reader, { chat: 1 }, true)).toEqual({ chat: 1 });
  });

  it("merges later frames of the group into it", () => {
    const reader = new CatalogReader();
    read(reader, DOCUMENT, true);
    const patch = { video: { renditions: { hd: { bitrate: 2 }, sd: null } }, chat: null };
    expect(read(reader, patch, false)).toEqual({
      video: { renditions: { hd: { codec: "avc1.42c01e", bitrate: 2 } } },
    });
    const prototype = Buffer.from('{"__proto__":{"polluted":true}}');
    reader.read(prototype, false);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("leaves nulls out at any depth, so that what it read can be told to players", () => {
    const reader = new CatalogReader();
    const hd = { codec: "avc1.42c01e", hint: [1, null, { a: null, b: 2 }] };
    const document = { video: { renditions: { hd } }, place: { lat: null, lon: 5 } };
    const catalog = reader.read(Buffer.from(JSON.stringify(document)), true);
    expect(catalog).toEqual({
      video: { renditions: { hd: { codec: "avc1.42c01e", hint: [1, { b: 2 }] } } },
      place: { lon: 5 },
    });
    expect(() => encodeCatalog(catalog)).not.toThrow();
  });

  it("refuses what is no catalog", () => {
    const reader = new CatalogReader();
    expect(() => read(reader, { video: { renditions: { x: {} } } }, true)).toThrowError(
      expect.objectContaining({ name: "MediaError" }),
    );
    read(reader, DOCUMENT, true);
    expect(() => read(reader, { video: { renditions: { hd: { codec: null } } } }, false)).toThrowError(
      expect.objectContaining({ name: "MediaError" }),
    );
    expect(() => reader.read(Buffer.alloc(300_000, 0x20), false)).toThrowError(
      expect.objectContaining({ name: "MediaError" }),
    );
  });
});
