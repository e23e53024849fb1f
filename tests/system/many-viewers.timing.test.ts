import { QuicLoop } from "@canopy/transport/quic";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import type { StartedProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { percentile } from "../harness/percentile.ts";
import { metric, scrapeMetrics } from "../harness/scrape-metrics.ts";
import { untilAnnounced } from "../harness/until-announced.ts";
import { waitFor } from "../harness/wait-for.ts";

const CROWD_BROADCAST = "live/fan-out";
const CROWD = 200;
/** Handshakes under way at one time. */
const CONNECT_TOGETHER = 10;
/** Browsers acknowledge about as often. */
const CROWD_FLUSH_MS = 10;
const CROWD_TRACKS = ["catalog.json", "video", "audio", "timed"];
/** Two seconds of video. */
const ENOUGH_FRAMES = 60;

const BROADCAST = "live/slow-viewer";
/** Each at an edge of its own, so that both are tried at once. */
const TRANSPORTS = ["webtransport", "websocket"] as const;
const TRACKS = ["video", "audio"];
const QUICK_VIEWERS = 19;
/** So that a pause of this whole machine costs nobody a group who reads as fast as he can. */
const PATIENT_LATENCY_MS = 5_000;
/** One stream's window, read once a second: 13% of the 1 Mbit/s that are sent. */
const SLOW_WINDOW_BYTES = 16 * 1_024;
const SLOW_READS_PER_SECOND = 1;
/** Half a second. */
const GROUP_FRAMES = 15;
/** Groups of video that a period of the comparison has. */
const PERIOD_GROUPS = 8;
/** The machine's own jitter; what one viewer could do to the others is a second and more. */
const AGE_TOLERANCE_MS = 250;

const upstream = 'canopy_subscriptions{direction="upstream"}';
const downstream = 'canopy_subscriptions{direction="downstream"}';

let dev: CanopyDev;
const publishers: StartedProcess[] = [];

beforeAll(async () => {
  dev = await startCanopyDev({ edges: TRANSPORTS.length });
  publishers.push(
    publishWithFfmpeg(makeClip({ seconds: 30 }), `${dev.rtmp}/${CROWD_BROADCAST}`),
    publishWithFfmpeg(
      makeClip({ seconds: 30, bitrateKbps: 1_000, keyframeInterval: GROUP_FRAMES }),
      `${dev.rtmp}/${BROADCAST}`,
    ),
  );
  await untilAnnounced(dev.edges, CROWD_BROADCAST);
  await untilAnnounced(dev.edges, BROADCAST);
});

afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  await dev?.stop();
});

/** Viewers at both edges, each of which has seen so many frames. */
async function connectCrowd(count: number, frames: number): Promise<MoqViewer[]> {
  const viewers: MoqViewer[] = [];
  const loop = new QuicLoop({ flush: CROWD_FLUSH_MS });
  while (viewers.length < count) {
    const next = Array.from({ length: Math.min(CONNECT_TOGETHER, count - viewers.length) }, (_, index) =>
      MoqViewer.connect({
        url: dev.edges[(viewers.length + index) % dev.edges.length] ?? "",
        broadcast: CROWD_BROADCAST,
        tracks: CROWD_TRACKS,
        loop,
        maxLatencyMs: PATIENT_LATENCY_MS,
      }),
    );
    viewers.push(...(await Promise.all(next)));
  }
  await waitFor(
    "video at every viewer",
    () => viewers.every((viewer) => viewer.view("video").frames >= frames),
    60_000,
  );
  return viewers;
}

/** Sum over all reasons. */
async function groupsDropped(edge: string): Promise<number> {
  let total = 0;
  for (const [name, value] of await scrapeMetrics(edge)) {
    if (name.startsWith("canopy_groups_dropped_total")) total += value;
  }
  return total;
}

/** Of all frames the median age, and of the ages that 95% of each group's frames are below the median, ms. */
function summarize(ages: ReadonlyMap<number, readonly number[]>): readonly [median: number, tail: number] {
  const groups = [...ages.values()];
  // A pause of the machine makes frames of one or two groups late, a slow viewer would do so to all.
  const tails = groups.map((group) => percentile(group, 0.95));
  return [percentile(groups.flat(), 0.5), percentile(tails, 0.5)];
}

describe("the tree", () => {
  it("carries each track once per link for 200 viewers", async () => {
    const viewers = await connectCrowd(CROWD, ENOUGH_FRAMES);
    for (const edge of dev.edges) {
      expect(await metric(edge, upstream)).toBe(CROWD_TRACKS.length);
      expect(await metric(edge, downstream)).toBe((CROWD / dev.edges.length) * CROWD_TRACKS.length);
    }
    expect(await metric(dev.relay, upstream)).toBe(CROWD_TRACKS.length);
    expect(await metric(dev.relay, downstream)).toBe(CROWD_TRACKS.length * dev.edges.length);
    expect(await metric(dev.origin, downstream)).toBe(CROWD_TRACKS.length);

    for (const viewer of viewers) {
      expect(viewer.closed).toBeUndefined();
      const { sequences } = viewer.view("video");
      expect(new Set(sequences).size).toBe(sequences.length);
    }
    for (const viewer of viewers) viewer.close();
  });
});

// Mostly waits, for groups to pass and for tracks to be given up: at once.
describe.concurrent("the viewers of a tree", () => {
  it("have its tracks released after the last one", async () => {
    const viewers = await connectCrowd(dev.edges.length, 1);
    expect(await metric(dev.origin, downstream)).toBeGreaterThanOrEqual(CROWD_TRACKS.length);
    for (const viewer of viewers) viewer.close();
    await waitFor(
      "the origin to have no subscriber left but those of the other broadcast",
      async () => (await metric(dev.origin, downstream)) <= TRACKS.length,
      30_000,
    );
  });

  it.each(TRANSPORTS)(
    "do not notice a slow one that loses groups of its own over %s, in bounded memory",
    async (transport) => {
      const edge = dev.edges[TRANSPORTS.indexOf(transport)] ?? "";
      const loop = new QuicLoop({ flush: 0 });
      /** Of the quick viewers' frames, by group, ms. */
      const ages = new Map<number, number[]>();
      const quick = await Promise.all(
        Array.from({ length: QUICK_VIEWERS }, () =>
          MoqViewer.connect({
            url: edge,
            broadcast: BROADCAST,
            tracks: TRACKS,
            loop,
            transport,
            maxLatencyMs: PATIENT_LATENCY_MS,
            onFrame: (track, sequence, frame) => {
              if (track !== "video") return;
              const group = ages.get(sequence) ?? [];
              group.push(Date.now() - frame.timestamp / 1_000);
              ages.set(sequence, group);
            },
          }),
        ),
      );
      const slow = await MoqViewer.connect({
        url: edge,
        broadcast: BROADCAST,
        tracks: TRACKS,
        loop,
        transport,
        maxLatencyMs: PATIENT_LATENCY_MS,
        streamWindowBytes: SLOW_WINDOW_BYTES,
      });
      const everyone = [...quick, slow];
      const groupsLater = async (groups: number): Promise<void> => {
        const wanted = everyone.map((viewer) => viewer.view("video").groupsEnded + groups);
        const seen = (index: number): number => everyone[index]?.view("video").groupsEnded ?? 0;
        await waitFor(
          `${groups} groups at the quick viewers`,
          () => quick.every((_, index) => seen(index) >= (wanted[index] ?? 0)),
          60_000,
        );
      };
      await groupsLater(2);
      const startedSequences = quick.map((viewer) => viewer.view("video").sequences.at(-1) ?? 0);
      const droppedAtFirst = await groupsDropped(edge);

      ages.clear();
      await groupsLater(PERIOD_GROUPS);
      const [medianBefore, tailBefore] = summarize(ages);
      expect(slow.view("video").groupsAborted).toBe(0);
      expect(await groupsDropped(edge)).toBe(droppedAtFirst);

      slow.allowLatency(0);
      slow.throttle(SLOW_READS_PER_SECOND);
      const framesBefore = slow.view("video").frames;
      const bytesBefore = quick[0]?.view("video").bytes ?? 0;
      ages.clear();
      const bufferedBytes: number[] = [];
      for (let group = 0; group < PERIOD_GROUPS; group++) {
        await groupsLater(1);
        bufferedBytes.push((await scrapeMetrics(edge)).get("canopy_buffered_bytes") ?? Number.NaN);
      }
      const publishedBytes = (quick[0]?.view("video").bytes ?? 0) - bytesBefore;
      const [median, tail] = summarize(ages);

      // It got a part, the rest was given up and counted, and what waits for it is bounded.
      const dropped = (await groupsDropped(edge)) - droppedAtFirst;
      expect(dropped).toBeGreaterThan(0);
      expect(slow.view("video").frames - framesBefore).toBeLessThan((PERIOD_GROUPS * GROUP_FRAMES) / 2);
      expect(slow.closed).toBeUndefined();
      expect(Math.max(...bufferedBytes)).toBeGreaterThan(0);
      // The least of the later half: what a pause of the machine holds up, for all of them, is gone a moment later.
      expect(Math.min(...bufferedBytes.slice(PERIOD_GROUPS / 2))).toBeLessThan(publishedBytes / 2);

      for (const [index, viewer] of quick.entries()) {
        expect(viewer.closed).toBeUndefined();
        for (const track of TRACKS) expect(viewer.view(track).groupsAborted).toBe(0);
        const { sequences } = viewer.view("video");
        // None missing and none twice; they may overtake one another.
        const later = sequences
          .filter((sequence) => sequence > (startedSequences[index] ?? 0))
          .sort((a, b) => a - b);
        expect(later).toEqual(later.map((_, offset) => (startedSequences[index] ?? 0) + 1 + offset));
      }
      expect(median).toBeLessThan(medianBefore * 2 + AGE_TOLERANCE_MS);
      expect(tail).toBeLessThan(tailBefore * 2 + AGE_TOLERANCE_MS);

      // Once it reads again it gets whole groups again.
      slow.unthrottle();
      const wholeGroups = slow.view("video").groupsEnded + 2;
      await waitFor("whole groups", () => slow.view("video").groupsEnded >= wholeGroups, 30_000);
      for (const viewer of everyone) viewer.close();
    },
  );
});
