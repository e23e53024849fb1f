import { describe, expect, it } from "vitest";
import { parseBroadcast, parseBroadcastList } from "./broadcasts.ts";

describe("parseBroadcast", () => {
  it("describes tracks, warnings and the publisher", () => {
    const parsed = parseBroadcast({
      broadcast: "live/demo",
      publisher: { protocol: "rtmp", startedAt: "2026-11-22T10:00:00Z" },
      bitrateBps: 1_500_000,
      tracks: [
        { name: "video", codec: "avc1.42c01f", width: 1280, height: 720, framerate: 30, bitrate: 1_400_000 },
        { name: "audio", codec: "mp4a.40.2", sampleRate: 48_000, channels: 2 },
      ],
      warnings: [{ code: "b-frames", message: "The publisher sends B-frames" }, "late keyframes"],
    });
    expect(parsed?.publisher).toBe("rtmp");
    expect(parsed?.startedMs).toBe(Date.UTC(2026, 10, 22, 10));
    expect(parsed?.tracks.map((track) => track.description)).toEqual([
      "avc1.42c01f · 1280×720 · 30 fps",
      "mp4a.40.2 · 48 kHz · stereo",
    ]);
    expect(parsed?.warnings).toEqual([
      { code: "b-frames", text: "The publisher sends B-frames" },
      { code: undefined, text: "late keyframes" },
    ]);
  });

  it("needs only a path, and refuses what has none", () => {
    expect(parseBroadcast({ path: "live/x" })?.tracks).toEqual([]);
    expect(parseBroadcast({ codec: "avc1" })).toBeUndefined();
  });
});

describe("parseBroadcastList", () => {
  it("takes a bare list or one inside an object, and skips damaged entries", () => {
    expect(parseBroadcastList(["live/a", 7, { broadcast: "live/b" }]).map((entry) => entry.path)).toEqual([
      "live/a",
      "live/b",
    ]);
    expect(parseBroadcastList({ broadcasts: [{ name: "live/c" }] })).toHaveLength(1);
    expect(parseBroadcastList(undefined)).toEqual([]);
  });
});
