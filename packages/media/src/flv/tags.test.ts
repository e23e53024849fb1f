import { describe, expect, it } from "vitest";
import { aacCodecString, parseAudioSpecificConfig } from "../aac/audio-specific-config.ts";
import { type FlvVector, flvBodies, readVector } from "../vectors-suite.ts";
import { encodeAudioTagBody } from "./encode-audio-tag.ts";
import { encodeVideoTagBody } from "./encode-video-tag.ts";
import { parseAudioTagBody } from "./parse-audio-tag.ts";
import { parseVideoTagBody } from "./parse-video-tag.ts";

const ascii = (text: string) => [...text].map((character) => character.charCodeAt(0));
const malformed = expect.objectContaining({ code: "malformed" });
const unsupported = expect.objectContaining({ code: "unsupported" });

describe("parseVideoTagBody", () => {
  it("reads the composition times that ffprobe reads", () => {
    const tags = flvBodies(9).map(({ timestampMs, body }) => ({ timestampMs, ...parseVideoTagBody(body) }));
    expect(tags[0]).toMatchObject({ kind: "sequence-start", codec: "avc1", enhanced: false });
    const frames = tags.filter((tag) => tag.kind === "frame");
    const { videoPackets } = readVector<FlvVector>("flv-h264-aac");
    expect(frames.map((tag) => tag.timestampMs + tag.compositionTimeMs)).toEqual(
      videoPackets.map((one) => one.pts),
    );
    expect(frames.map((tag) => tag.isKeyframe)).toEqual(videoPackets.map((_, i) => i === 0));
    expect(tags.at(-1)?.kind).toBe("sequence-end");
  });

  it("writes legacy bodies as ffmpeg does", () => {
    for (const { body } of flvBodies(9)) {
      const { kind, isKeyframe, compositionTimeMs, data } = parseVideoTagBody(body);
      if (kind !== "frame" && kind !== "sequence-start") continue;
      expect(encodeVideoTagBody({ codec: "avc1", kind, isKeyframe, compositionTimeMs, data })).toEqual(body);
    }
  });

  it("reads enhanced frames with and without a signed composition time", () => {
    const coded = parseVideoTagBody(Uint8Array.from([0xa1, ...ascii("hvc1"), 0xff, 0xff, 0xd8, 1, 2]));
    expect(coded).toMatchObject({ codec: "hvc1", kind: "frame", compositionTimeMs: -40, isKeyframe: false });
    expect([...coded.data]).toEqual([1, 2]);
    const codedX = parseVideoTagBody(Uint8Array.from([0x93, ...ascii("avc1"), 9]));
    expect(codedX).toMatchObject({ codec: "avc1", kind: "frame", compositionTimeMs: 0, isKeyframe: true });
    const av1 = parseVideoTagBody(Uint8Array.from([0x91, ...ascii("av01"), 7, 8, 9]));
    expect([...av1.data]).toEqual([7, 8, 9]);
  });

  it("keeps enhanced bodies through a round trip", () => {
    for (const codec of ["avc1", "hvc1", "av01", "vp09"] as const) {
      for (const compositionTimeMs of codec === "avc1" || codec === "hvc1" ? [0, -33, 8_388_607] : [0]) {
        const data = Uint8Array.of(1, 2, 3);
        const body = encodeVideoTagBody({
          codec,
          kind: "frame",
          isKeyframe: true,
          compositionTimeMs,
          data,
          enhanced: true,
        });
        expect(parseVideoTagBody(body)).toMatchObject({ codec, compositionTimeMs, data, enhanced: true });
      }
    }
  });

  it("reads the tracks of a multitrack body and tells of it", () => {
    const track = (id: number, ...data: number[]) => [id, 0, 0, data.length, ...data];
    const same = Uint8Array.from([0x96, 0x13, ...ascii("avc1"), ...track(0, 5, 6), ...track(1, 7)]);
    const tag = parseVideoTagBody(same);
    expect(tag).toMatchObject({ multitrack: true, trackId: 0, codec: "avc1", kind: "frame" });
    expect(tag.otherTracks).toEqual([
      { trackId: 1, codec: "avc1", compositionTimeMs: 0, data: Uint8Array.of(7) },
    ]);
    const single = parseVideoTagBody(Uint8Array.from([0x96, 0x03, ...ascii("av01"), 4, 1, 2]));
    expect(single).toMatchObject({ multitrack: true, trackId: 4, codec: "av01", otherTracks: [] });
    const many = [0x96, 0x23, ...ascii("avc1"), ...track(0, 1), ...ascii("hvc1"), ...track(1, 2)];
    expect(parseVideoTagBody(Uint8Array.from(many)).otherTracks[0]?.codec).toBe("hvc1");
    const flood = [0x96, 0x13, ...ascii("avc1"), ...Array.from({ length: 40 }, (_, i) => track(i, 1)).flat()];
    expect(() => parseVideoTagBody(Uint8Array.from(flood))).toThrow(
      expect.objectContaining({ code: "too-many" }),
    );
  });

  it("reads nanoseconds out of ModEx, and passes over what it does not know", () => {
    const body = [0x97, 2, 0x01, 0x02, 0x03, 0x17, 0, 9, 0x03];
    body[5] = 0x07; // TimestampOffsetNano, then ModEx again
    body[8] = 0x13; // an unknown type, then CodedFramesX
    const tag = parseVideoTagBody(Uint8Array.from([...body, ...ascii("avc1"), 1]));
    expect(tag).toMatchObject({ timestampOffsetNs: 0x010203, kind: "frame", codec: "avc1" });
    const endless = Uint8Array.from([0x97, ...Array.from({ length: 200 }, () => [0, 0, 0x07]).flat()]);
    expect(() => parseVideoTagBody(endless)).toThrow(expect.objectContaining({ code: "too-many" }));
  });

  it("reads commands, which carry no media", () => {
    expect(parseVideoTagBody(Uint8Array.of(0x57, 0))).toMatchObject({ kind: "command", codec: undefined });
    expect(parseVideoTagBody(Uint8Array.of(0xd1, 1))).toMatchObject({ kind: "command", enhanced: true });
  });

  it("refuses codecs, frame types and packet types that it does not know", () => {
    expect(() => parseVideoTagBody(Uint8Array.of(0x12, 0))).toThrow(unsupported);
    expect(() => parseVideoTagBody(Uint8Array.of(0x07, 1, 0, 0, 0))).toThrow(malformed);
    expect(() => parseVideoTagBody(Uint8Array.of(0x17, 9, 0, 0, 0))).toThrow(malformed);
    expect(() => parseVideoTagBody(Uint8Array.from([0x91, ...ascii("zzzz"), 1]))).toThrow(unsupported);
    expect(() =>
      encodeVideoTagBody({ codec: "hvc1", kind: "frame", isKeyframe: true, enhanced: false }),
    ).toThrow(unsupported);
    expect(() =>
      encodeVideoTagBody({ codec: "avc1", kind: "frame", isKeyframe: true, compositionTimeMs: 0x80_0000 }),
    ).toThrow(malformed);
  });
});

describe("parseAudioTagBody", () => {
  it("reads and writes AAC as ffmpeg does", () => {
    const bodies = flvBodies(8).map(({ body }) => body);
    const [config, ...frames] = bodies.map(parseAudioTagBody);
    expect(config).toMatchObject({ kind: "sequence-start", codec: "mp4a", enhanced: false });
    const parsed = parseAudioSpecificConfig(config?.data ?? new Uint8Array(0));
    expect(parsed).toMatchObject({ objectType: 2, sampleRate: 44_100, channels: 2 });
    expect(aacCodecString(parsed)).toBe("mp4a.40.2");
    expect(frames.every((tag) => tag.kind === "frame" && tag.data.length > 0)).toBe(true);
    for (const body of bodies) {
      const { kind, data } = parseAudioTagBody(body);
      if (kind === "multichannel-config") throw new Error("not in this vector");
      expect(encodeAudioTagBody({ codec: "mp4a", kind, data })).toEqual(body);
    }
  });

  it("reads enhanced Opus and AAC, one track or several", () => {
    const opus = parseAudioTagBody(Uint8Array.from([0x91, ...ascii("Opus"), 0xfc, 1]));
    expect(opus).toMatchObject({ codec: "Opus", kind: "frame", enhanced: true, multitrack: false });
    const body = encodeAudioTagBody({ codec: "Opus", kind: "frame", data: Uint8Array.of(0xfc, 1) });
    expect([...body]).toEqual([0x91, ...ascii("Opus"), 0xfc, 1]);
    const two = [0x95, 0x11, ...ascii("mp4a"), 0, 0, 0, 1, 5, 1, 0, 0, 1, 6];
    const tag = parseAudioTagBody(Uint8Array.from(two));
    expect(tag).toMatchObject({ multitrack: true, kind: "frame", data: Uint8Array.of(5) });
    expect(tag.otherTracks).toEqual([{ trackId: 1, codec: "mp4a", data: Uint8Array.of(6) }]);
    expect(parseAudioTagBody(Uint8Array.from([0x94, ...ascii("mp4a"), 0, 2])).kind).toBe(
      "multichannel-config",
    );
  });

  it("reads MP3 and refuses what has no use here", () => {
    expect(parseAudioTagBody(Uint8Array.of(0x2f, 1, 2))).toMatchObject({ codec: ".mp3", kind: "frame" });
    expect(() => parseAudioTagBody(Uint8Array.of(0x60, 1))).toThrow(unsupported);
    expect(() => parseAudioTagBody(Uint8Array.of(0xaf, 2))).toThrow(malformed);
    expect(() => parseAudioTagBody(Uint8Array.from([0x93, ...ascii("Opus")]))).toThrow(unsupported);
  });
});
