import { describe, expect, it } from "vitest";
import { encodeAudioSpecificConfig } from "../aac/audio-specific-config.ts";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { encodeOpusHead } from "../opus/opus-head.ts";
import { BoxWriter } from "./box-writer.ts";
import { EMSG_ID3_SCHEME, encodeEmsg, encodeId3Text } from "./encode-emsg.ts";
import { encodeFragment } from "./encode-fragment.ts";
import { encodeInitSegment } from "./encode-init.ts";

interface Box {
  readonly type: string;
  readonly body: Uint8Array;
}

const CONTAINERS = ["moov", "trak", "mdia", "minf", "dinf", "stbl", "mvex", "moof", "traf"];

/** The boxes at one level; every size must fit. */
function boxes(bytes: Uint8Array): Box[] {
  const found: Box[] = [];
  let at = 0;
  while (at < bytes.length) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
    const size = view.getUint32(0);
    expect(size).toBeGreaterThanOrEqual(8);
    expect(at + size).toBeLessThanOrEqual(bytes.length);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    found.push({ type, body: bytes.subarray(at + 8, at + size) });
    at += size;
  }
  return found;
}

function find(bytes: Uint8Array, path: string): Uint8Array {
  const [type = "", ...rest] = path.split("/");
  const box = boxes(bytes).find((candidate) => candidate.type === type);
  if (box === undefined) throw new Error(`no ${type}`);
  return rest.length === 0 ? box.body : find(box.body, rest.join("/"));
}

function walk(bytes: Uint8Array): string[] {
  return boxes(bytes).flatMap(({ type, body }) => [type, ...(CONTAINERS.includes(type) ? walk(body) : [])]);
}

const u32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
const i32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getInt32(at);
const u64 = (bytes: Uint8Array, at: number): number => u32(bytes, at) * 2 ** 32 + u32(bytes, at + 4);
const text = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

const avcC = Uint8Array.of(1, 0x64, 0, 0x1f, 0xff, 0xe0, 0);

describe("encodeInitSegment", () => {
  it("writes a header of one track with every mandatory box, sizes that fit, and no samples", () => {
    const bytes = encodeInitSegment({
      ...{ kind: "video", codec: "avc1", timescale: 1_000_000, config: avcC },
      ...{ width: 1280, height: 720 },
    });
    expect(walk(bytes)).toEqual(
      "ftyp moov mvhd trak tkhd mdia mdhd hdlr minf vmhd dinf dref stbl stsd stts stsc stco stsz mvex trex".split(
        " ",
      ),
    );
    const stsd = find(bytes, "moov/trak/mdia/minf/stbl/stsd");
    const [entry] = boxes(stsd.subarray(8));
    expect(entry?.type).toBe("avc1");
    expect(find(entry?.body.subarray(78) ?? new Uint8Array(), "avcC")).toEqual(avcC);
    expect(u32(find(bytes, "moov/trak/mdia/mdhd"), 12)).toBe(1_000_000);
    const tkhd = find(bytes, "moov/trak/tkhd");
    expect([u32(tkhd, 76) / 0x10000, u32(tkhd, 80) / 0x10000]).toEqual([1280, 720]);
  });

  it("says how pixels that are not square are stretched", () => {
    const bytes = encodeInitSegment({
      ...{ kind: "video", codec: "avc1", timescale: 1_000_000, config: avcC },
      ...{ width: 720, height: 576, aspect: [16, 11] },
    });
    const [entry] = boxes(find(bytes, "moov/trak/mdia/minf/stbl/stsd").subarray(8));
    const pasp = find(entry?.body.subarray(78) ?? new Uint8Array(), "pasp");
    expect([u32(pasp, 0), u32(pasp, 4)]).toEqual([16, 11]);
    expect(u32(find(bytes, "moov/trak/tkhd"), 76) / 0x10000).toBe(1047);
  });

  it("puts AudioSpecificConfig into esds and OpusHead, big-endian, into dOps", () => {
    const config = encodeAudioSpecificConfig({ sampleRate: 48_000, channels: 2 });
    const common = { kind: "audio", timescale: 48_000, sampleRate: 48_000, channels: 2 } as const;
    const aac = encodeInitSegment({ ...common, codec: "mp4a", config });
    const [mp4a] = boxes(find(aac, "moov/trak/mdia/minf/stbl/stsd").subarray(8));
    const esds = find(mp4a?.body.subarray(28) ?? new Uint8Array(), "esds");
    expect([...esds.subarray(4, 6)]).toEqual([3, esds.length - 6]);
    expect([...esds.subarray(9, 13)]).toEqual([4, esds.length - 14, 0x40, 0x15]);
    expect([...esds.subarray(24, 26 + config.length)]).toEqual([5, config.length, ...config]);
    const opus = encodeInitSegment({
      ...common,
      codec: "Opus",
      config: encodeOpusHead({ channels: 2, preSkip: 312, inputSampleRate: 44_100 }),
    });
    const [entry] = boxes(find(opus, "moov/trak/mdia/minf/stbl/stsd").subarray(8));
    const dOps = find(entry?.body.subarray(28) ?? new Uint8Array(), "dOps");
    expect([...dOps]).toEqual([0, 2, 1, 56, 0, 0, 0xac, 0x44, 0, 0, 0]);
  });

  it("refuses a configuration that esds cannot hold", () => {
    const config = new Uint8Array(65);
    const track = { kind: "audio", codec: "mp4a", timescale: 1, sampleRate: 1, channels: 1, config } as const;
    expect(() => encodeInitSegment(track)).toThrow(expect.objectContaining({ code: "too-large" }));
  });
});

describe("encodeFragment", () => {
  it("keeps wall-clock times, durations, signed offsets and the data", () => {
    const baseDecodeTime = 1_795_709_114_470_657;
    const bytes = encodeFragment({
      sequence: 7,
      baseDecodeTime,
      samples: [
        { data: Uint8Array.of(1, 2, 3), duration: 33_333, compositionOffset: 66_666, isSync: true },
        { data: Uint8Array.of(4), duration: 33_334, compositionOffset: -1, isSync: false },
      ],
    });
    expect(walk(bytes)).toEqual(["moof", "mfhd", "traf", "tfhd", "tfdt", "trun", "mdat"]);
    expect(u32(find(bytes, "moof/mfhd"), 4)).toBe(7);
    expect(u64(find(bytes, "moof/traf/tfdt"), 4)).toBe(baseDecodeTime);
    const trun = find(bytes, "moof/traf/trun");
    expect(u32(trun, 4)).toBe(2);
    expect([u32(trun, 12), u32(trun, 16), u32(trun, 20), i32(trun, 24)]).toEqual([
      33_333, 3, 0x0200_0000, 66_666,
    ]);
    expect([u32(trun, 28), u32(trun, 32), u32(trun, 36), i32(trun, 40)]).toEqual([
      33_334, 1, 0x0101_0000, -1,
    ]);
    // The offset counts from the first byte of moof.
    expect([...bytes.subarray(u32(trun, 8))]).toEqual([1, 2, 3, 4]);
  });

  it("puts events in front, and counts the data's offset from moof all the same", () => {
    const emsg = encodeEmsg({
      ...{ id: 9, presentationTime: 2 ** 40 + 5, timescale: 1_000_000 },
      ...{ scheme: EMSG_ID3_SCHEME, data: Uint8Array.of(7) },
    });
    const samples = [{ data: Uint8Array.of(9), duration: 1, compositionOffset: 0, isSync: true }];
    const bytes = encodeFragment({ sequence: 1, baseDecodeTime: 0, samples, events: [emsg] });
    expect(walk(bytes)[0]).toBe("emsg");
    const moof = bytes.subarray(emsg.length);
    expect(moof[u32(find(moof, "moof/traf/trun"), 8)]).toBe(9);
  });
});

describe("encodeEmsg", () => {
  it("writes version 1 with an id, a time of 64 bits and its scheme", () => {
    const data = encodeId3Text("com.canopy.timed", encodeUtf8('{"a":"ä"}'));
    const bytes = encodeEmsg({
      ...{ id: 9, presentationTime: 2 ** 40 + 5, timescale: 1_000_000, scheme: EMSG_ID3_SCHEME, data },
    });
    const body = find(bytes, "emsg");
    expect([body[0], u32(body, 4), u64(body, 8), u32(body, 16), u32(body, 20)]).toEqual([
      1,
      1_000_000,
      2 ** 40 + 5,
      0xffff_ffff,
      9,
    ]);
    expect(text(body.subarray(24))).toContain(`${EMSG_ID3_SCHEME}\0\0ID3`);
  });
});

describe("encodeId3Text", () => {
  it("writes sizes of seven bits a byte, and UTF-8", () => {
    const payload = encodeUtf8("x".repeat(300));
    const tag = encodeId3Text("d", payload);
    const size = (at: number): number =>
      [0, 1, 2, 3].reduce((value, index) => value * 128 + (tag[at + index] ?? 0), 0);
    expect(text(tag.subarray(0, 5))).toBe("ID3\u0004\0");
    expect(size(6)).toBe(tag.length - 10);
    expect(text(tag.subarray(10, 14))).toBe("TXXX");
    expect(size(14)).toBe(tag.length - 20);
    expect([tag[20], text(tag.subarray(21, 23))]).toEqual([3, "d\0"]);
    expect(tag.subarray(23, 323)).toEqual(payload);
  });
});

describe("BoxWriter", () => {
  it("writes 64-bit numbers and sizes of nested boxes", () => {
    const writer = new BoxWriter(1);
    writer.begin("aaaa");
    writer.begin("bbbb");
    writer.u64(Number.MAX_SAFE_INTEGER);
    writer.end();
    writer.end();
    const bytes = writer.finish();
    expect([bytes.length, u32(bytes, 0), u32(bytes, 8)]).toEqual([24, 24, 16]);
    expect(u64(bytes, 16)).toBe(Number.MAX_SAFE_INTEGER);
  });
});
