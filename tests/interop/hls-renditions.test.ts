import { describe, expect, it } from "vitest";
import { PackagingEdge } from "../harness/packaging-edge.ts";
import { SyntheticBroadcast } from "../harness/synthetic-broadcast.ts";
import { waitFor } from "../harness/wait-for.ts";

const PATH = "live/demo";

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url);
  expect([url, response.status]).toEqual([url, 200]);
  return response.text();
}

/** Media time by sequence number. */
function segmentTimes(text: string): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  const pattern = /PROGRAM-DATE-TIME:(\S+)\n(?:#EXT-X-PART:.*\n)*#EXTINF.*\n[0-9a-f]{10}-(\d+)\.m4s/g;
  for (const [, time = "", sequence] of text.matchAll(pattern)) times.set(Number(sequence), Date.parse(time));
  return times;
}

// Each at an edge of its own, and most of it waiting: beside each other.
describe.concurrent("HLS of several renditions", () => {
  it("numbers segments of the same moment alike, and says in each where the others are", async () => {
    await using edge = await PackagingEdge.start();
    const videoTracks = ["video-high", "video/low"];
    using _broadcast = new SyntheticBroadcast(edge.node.relay.store, { path: PATH, videoTracks }).run();
    const master = await fetchText(edge.hls(PATH));
    const uris = [...master.matchAll(/\n(~[^\n]+)/g), ...master.matchAll(/URI="(~[^"]+)"/g)].map(([, uri]) =>
      edge.hls(PATH, uri),
    );
    expect(uris.length).toBe(3);
    const texts = await waitFor("four segments of each", async () => {
      const all = await Promise.all(uris.map(fetchText));
      return all.every((text) => segmentTimes(text).size >= 4) ? all : undefined;
    });
    const [high, ...others] = texts.map(segmentTimes);
    for (const times of others) {
      let shared = 0;
      for (const [sequence, time] of times) {
        const same = high?.get(sequence);
        if (same === undefined) continue;
        shared += 1;
        expect(Math.abs(same - time)).toBeLessThan(25);
      }
      expect(shared).toBeGreaterThanOrEqual(3);
    }
    for (const text of texts) expect(text.match(/#EXT-X-RENDITION-REPORT:/g)?.length).toBe(2);
  });

  it("gives players that have the rest a delta update", async () => {
    await using edge = await PackagingEdge.start({ hls: { windowMs: 20_000 } });
    using _broadcast = new SyntheticBroadcast(edge.node.relay.store, { path: PATH }).run();
    const url = edge.hls(PATH, "~/video/index.m3u8");
    const whole = await waitFor(
      "more segments than may be skipped",
      async () => {
        const text = await fetchText(url);
        return segmentTimes(text).size >= 9 ? text : undefined;
      },
      20_000,
    );
    const delta = await fetchText(`${url}?_HLS_skip=YES`);
    const skipped = Number(/SKIPPED-SEGMENTS=(\d+)/.exec(delta)?.[1]);
    expect(skipped).toBeGreaterThan(0);
    expect(segmentTimes(delta).size + skipped).toBeGreaterThanOrEqual(segmentTimes(whole).size);
    expect(delta.length).toBeLessThan(whole.length);
    for (const [sequence, time] of segmentTimes(delta)) {
      const same = segmentTimes(whole).get(sequence);
      if (same !== undefined) expect(time).toBe(same);
    }
  });
});
