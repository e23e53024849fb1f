import { describe, expect, it } from "vitest";
import { packagedMedia } from "../packaging/packaged-media.ts";
import { videoRenditionId, writeMultivariant } from "./multivariant-playlist.ts";

const aac = { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2, bitrate: 128_000 };
const video = { codec: "avc1.64001f", codedWidth: 1280, codedHeight: 720, framerate: 30, bitrate: 1_500_000 };

describe("writeMultivariant", () => {
  it("lists pictures with size, rate and codecs, and sound as a group of its own", () => {
    const media = packagedMedia({
      video: { renditions: { video } },
      audio: { renditions: { audio: aac } },
    });
    expect(writeMultivariant(media, "?jwt=a.b&s=1").split("\n")).toEqual([
      "#EXTM3U",
      "#EXT-X-VERSION:6",
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="~/audio/index.m3u8?jwt=a.b&s=1"',
      '#EXT-X-STREAM-INF:BANDWIDTH=2035000,AVERAGE-BANDWIDTH=1628000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=30.000,AUDIO="audio"',
      "~/video/index.m3u8?jwt=a.b&s=1",
      "",
    ]);
  });

  it("has a variant of sound alone, and of pictures alone", () => {
    const sound = writeMultivariant(packagedMedia({ audio: { renditions: { audio: aac } } }), "");
    expect(sound).toContain('CODECS="mp4a.40.2"\n~/audio/index.m3u8\n');
    expect(sound).not.toContain("EXT-X-MEDIA");
    const pictures = writeMultivariant(packagedMedia({ video: { renditions: { video } } }), "");
    expect(pictures).toContain('CODECS="avc1.64001f"');
    expect(pictures).not.toContain("AUDIO=");
  });
});

describe("videoRenditionId", () => {
  it("is fit for a URL whatever the track is called, and never that of the sound", () => {
    expect(videoRenditionId("video-720p")).toBe("video-720p");
    for (const name of ["audio", "a/b", "../x", "歌", "x".repeat(65), ""]) {
      expect(videoRenditionId(name)).toMatch(/^~[A-Za-z0-9_-]*$/);
    }
  });
});
