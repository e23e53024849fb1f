import { type Catalog, encodeCatalog } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { Store } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { keyframe, PICTURE } from "../packaging/pictures-suite.ts";
import { HlsBroadcast } from "./hls-broadcast.ts";
import { HlsCounters } from "./hls-counters.ts";
import { DEFAULT_HLS_OPTIONS } from "./hls-options.ts";
import type { HlsRendition } from "./hls-rendition.ts";

const START_US = 1_795_709_114_470_657;
const PICTURE_US = 33_333;
const SOUND_US = (1_024 * 1e6) / 48_000;
const INFO = { priority: 60, ordered: true, maxLatencyMs: 10_000, timescale: 1_000_000 };
const CATALOG: Catalog = {
  video: { renditions: { video: { codec: "avc1.42c00b", codedWidth: 160, codedHeight: 90, framerate: 30 } } },
  audio: { renditions: { sound: { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2 } } },
};
const open: { close(): void }[] = [];

afterEach(() => {
  for (const one of open.splice(0).reverse()) one.close();
});

/** A live broadcast with pictures and sound, of which a viewer asks for both. */
function setUp() {
  const clock = { nowMs: () => START_US / 1_000, nowUs: () => START_US };
  const store = new Store({}, { clock, schedule: () => {} });
  const broadcast = store.publish("live/x");
  const send = (track: string, frames: Iterable<readonly [number, Uint8Array]>): void => {
    const source = broadcast.track(track) ?? broadcast.createTrack(track, INFO);
    const group = source.openGroup();
    for (const [us, payload] of frames)
      group.append(Math.round(us), encodeLegacyFrame(Math.round(us), payload));
    group.finish();
    store.flush();
  };
  const hls = new HlsBroadcast("live/x", DEFAULT_HLS_OPTIONS, {
    ...{ store, logger: createSilentLogger(), nowMs: clock.nowMs },
    ...{ counters: new HlsCounters(), onBytes: () => {} },
  });
  open.push(hls);
  const catalog = broadcast.createTrack("catalog.json", INFO).openGroup();
  catalog.append(START_US, encodeCatalog(CATALOG));
  catalog.finish();
  for (const name of ["video", "sound"]) broadcast.createTrack(name, INFO);
  store.flush();
  const pictures = hls.ask("video");
  const sound = hls.ask("audio");
  if (pictures === undefined || sound === undefined) throw new Error("no rendition");
  /** Seconds of it, a keyframe in each. */
  const show = (from: number, to: number): void => {
    for (let second = from; second < to; second += 1)
      send(
        "video",
        Array.from({ length: 30 }, (_, index) => [
          START_US + (second * 30 + index) * PICTURE_US,
          index === 0 ? keyframe() : PICTURE,
        ]),
      );
  };
  const play = (from: number, to: number): void => {
    const frames: [number, Uint8Array][] = [];
    for (let us = from * 1e6; us < to * 1e6; us += SOUND_US)
      frames.push([START_US + us, Uint8Array.of(1, 2)]);
    send("sound", frames);
  };
  return { hls, pictures, sound, show, play };
}

function playlistOf(rendition: HlsRendition): string {
  if (rendition.window === undefined) throw new Error("no window");
  const options = { files: "", playlists: "", skips: false, gzip: false };
  return rendition.playlist(rendition.window, [], options).bytes.toString();
}

describe("HlsBroadcast", () => {
  it("lists pictures once there is sound to them", () => {
    const { hls, pictures, sound, show, play } = setUp();
    show(0, 3);
    expect(pictures.window?.isReady).toBe(true);
    expect(hls.isReady(pictures)).toBe(false);
    play(0, 2.5);
    expect(hls.isReady(pictures)).toBe(true);
    expect(hls.isReady(sound)).toBe(true);
  });

  it("lists pictures without the sound that the catalog promises after five seconds, and keeps to it", () => {
    const { hls, pictures, show } = setUp();
    show(0, 5);
    expect(hls.isReady(pictures)).toBe(false);
    show(5, 7);
    expect(hls.isReady(pictures)).toBe(true);
    // The node is short of memory.
    while (pictures.window?.evictOldest());
    expect(pictures.window?.spanUs).toBeLessThan(5_000_000);
    expect(hls.isReady(pictures)).toBe(true);
  });

  it("begins with the era in which sound begins, and never lists what it has given up", () => {
    const { hls, pictures, show, play } = setUp();
    show(0, 7);
    expect(hls.isReady(pictures)).toBe(true);
    // A hole of both.
    show(10, 13);
    const before = playlistOf(pictures);
    expect(before).toContain("#EXT-X-DISCONTINUITY\n");
    play(10, 12.5);
    const after = playlistOf(pictures);
    expect(after).not.toContain("#EXT-X-DISCONTINUITY\n");
    expect(new Set(pictures.window?.segments.map(({ era }) => era))).toEqual(new Set([1]));
  });

  it("goes on listing pictures whose only segment grows where sound begins", () => {
    const { hls, pictures, show, play } = setUp();
    show(0, 7);
    expect(hls.isReady(pictures)).toBe(true);
    show(10, 11);
    play(10, 10.9);
    expect(pictures.window?.segments.map(({ era, isComplete }) => [era, isComplete])).toEqual([[1, false]]);
    expect(hls.isReady(pictures)).toBe(true);
  });

  it("lists no segment that was given up for the sake of others", () => {
    const { hls, pictures, show, play } = setUp();
    show(0, 7);
    play(0, 6.5);
    expect(hls.isReady(pictures)).toBe(true);
    const oldest = pictures.window?.segments[0]?.sequence;
    expect(playlistOf(pictures)).toContain(`#EXT-X-MEDIA-SEQUENCE:${oldest}\n`);
    expect(pictures.window?.evictOldest()).toBe(true);
    expect(playlistOf(pictures)).toContain(`#EXT-X-MEDIA-SEQUENCE:${(oldest ?? 0) + 1}\n`);
  });
});
