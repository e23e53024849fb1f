import { QuicLoop } from "@canopy/transport/quic";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import type { StartedProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { metric } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";

const BROADCAST = "live/fan-out";
const VIEWERS = 200;
/** Handshakes under way at one time. */
const CONNECT_TOGETHER = 10;
/** Browsers acknowledge about as often. */
const VIEWER_FLUSH_MS = 10;
const TRACKS = ["catalog.json", "video", "audio", "timed"];
/** Frames that every viewer must have seen: two seconds of video. */
const ENOUGH_FRAMES = 60;

const upstream = 'canopy_subscriptions{direction="upstream"}';
const downstream = 'canopy_subscriptions{direction="downstream"}';

let dev: CanopyDev;
let publisher: StartedProcess;

beforeAll(async () => {
  dev = await startCanopyDev({ edges: 2 });
  publisher = publishWithFfmpeg(makeClip({ seconds: 30 }), `${dev.rtmp}/${BROADCAST}`);
  await waitFor("the broadcast at the origin", async () => {
    const response = await fetch(`${dev.origin}/v1/broadcasts/${BROADCAST}`);
    return response.ok;
  });
});

afterAll(async () => {
  await publisher?.stop();
  await dev?.stop();
});

function edgeOf(index: number): string {
  return dev.edges[index % dev.edges.length] ?? "";
}

describe("the tree", () => {
  it("carries each track once per link for 200 viewers, and releases it after the last one", async () => {
    const viewers: MoqViewer[] = [];
    const loop = new QuicLoop({ flush: VIEWER_FLUSH_MS });
    while (viewers.length < VIEWERS) {
      const next = Array.from({ length: CONNECT_TOGETHER }, (_, index) =>
        MoqViewer.connect({
          url: edgeOf(viewers.length + index),
          broadcast: BROADCAST,
          tracks: TRACKS,
          loop,
        }),
      );
      viewers.push(...(await Promise.all(next)));
    }
    await waitFor(
      "two seconds of video at every viewer",
      () => viewers.every((viewer) => viewer.view("video").frames >= ENOUGH_FRAMES),
      60_000,
    );
    for (const edge of dev.edges) {
      expect(await metric(edge, upstream)).toBe(TRACKS.length);
      expect(await metric(edge, downstream)).toBe((VIEWERS / dev.edges.length) * TRACKS.length);
    }
    expect(await metric(dev.relay, upstream)).toBe(TRACKS.length);
    expect(await metric(dev.relay, downstream)).toBe(TRACKS.length * dev.edges.length);
    expect(await metric(dev.origin, downstream)).toBe(TRACKS.length);

    for (const viewer of viewers) {
      expect(viewer.closed).toBeUndefined();
      const { sequences } = viewer.view("video");
      expect(new Set(sequences).size).toBe(sequences.length);
    }
    for (const viewer of viewers) viewer.close();
    await waitFor(
      "the origin to have no subscriber left",
      async () => (await metric(dev.origin, downstream)) === 0,
      30_000,
    );
  });
});
