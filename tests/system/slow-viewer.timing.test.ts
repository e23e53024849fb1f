import { QuicLoop } from "@canopy/transport/quic";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import type { StartedProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { MoqViewer } from "../harness/moq-viewer.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";
import { Samples } from "../load/samples.ts";

const BROADCAST = "live/slow-viewer";
/** Each at an edge of its own, so that both are tried at once. */
const TRANSPORTS = ["webtransport", "websocket"] as const;
const TRACKS = ["video", "audio"];
const QUICK_VIEWERS = 19;
/** So that a pause of this whole machine costs nobody a group. */
const QUICK_LATENCY_MS = 5_000;
/** One stream's window, read once a second: 13% of the 1 Mbit/s that are sent. */
const SLOW_WINDOW_BYTES = 16 * 1_024;
const SLOW_READS_PER_SECOND = 1;
/** Groups of video (one second each) that a period of the comparison has. */
const PERIOD_GROUPS = 8;
/** Design D11: what one session may hold. */
const MAX_SESSION_BUFFER_BYTES = 2 * 1_024 * 1_024;
/** The machine's own jitter; what one viewer could do to the others is a second and more. */
const AGE_TOLERANCE_MS = 250;

let dev: CanopyDev;
let publisher: StartedProcess;

beforeAll(async () => {
  dev = await startCanopyDev({ edges: TRANSPORTS.length });
  const clip = makeClip({ seconds: 30, bitrateKbps: 1_000 });
  publisher = publishWithFfmpeg(clip, `${dev.rtmp}/${BROADCAST}`);
  await waitFor("the broadcast at the origin", async () => {
    const response = await fetch(`${dev.origin}/v1/broadcasts/${BROADCAST}`);
    return response.ok;
  });
});

afterAll(async () => {
  await publisher?.stop();
  await dev?.stop();
});

/** Sum over all reasons. */
async function groupsDropped(edge: string): Promise<number> {
  let total = 0;
  for (const [name, value] of await scrapeMetrics(edge)) {
    if (name.startsWith("canopy_groups_dropped_total")) total += value;
  }
  return total;
}

describe("a slow viewer", () => {
  it.concurrent.each(TRANSPORTS)(
    "loses groups of its own over %s, in bounded memory, and nobody else notices",
    async (transport) => {
      const edge = dev.edges[TRANSPORTS.indexOf(transport)] ?? "";
      const loop = new QuicLoop({ flush: 0 });
      const ages = new Samples();
      const quick = await Promise.all(
        Array.from({ length: QUICK_VIEWERS }, () =>
          MoqViewer.connect({
            url: edge,
            broadcast: BROADCAST,
            tracks: TRACKS,
            loop,
            transport,
            maxLatencyMs: QUICK_LATENCY_MS,
            onFrame: (track, _sequence, frame) => {
              if (track === "video") ages.add(Date.now() - frame.timestamp / 1_000);
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
      const [medianBefore, tailBefore] = [ages.percentile(0.5), ages.percentile(0.95)];
      expect(slow.view("video").groupsAborted).toBe(0);
      expect(await groupsDropped(edge)).toBe(droppedAtFirst);

      slow.throttle(SLOW_READS_PER_SECOND);
      const framesBefore = slow.view("video").frames;
      ages.clear();
      let bufferedBytes = 0;
      for (let period = 0; period < PERIOD_GROUPS; period++) {
        await groupsLater(1);
        bufferedBytes = Math.max(
          bufferedBytes,
          (await scrapeMetrics(edge)).get("canopy_buffered_bytes") ?? Number.NaN,
        );
      }
      const [median, tail] = [ages.percentile(0.5), ages.percentile(0.95)];

      // It got a part, the rest was given up and counted, and what waits for it is bounded.
      const dropped = (await groupsDropped(edge)) - droppedAtFirst;
      expect(dropped).toBeGreaterThan(0);
      expect(slow.view("video").frames - framesBefore).toBeLessThan((PERIOD_GROUPS * 30) / 2);
      expect(slow.closed).toBeUndefined();
      expect(bufferedBytes).toBeGreaterThan(0);
      expect(bufferedBytes).toBeLessThan(MAX_SESSION_BUFFER_BYTES);

      for (const [index, viewer] of quick.entries()) {
        expect(viewer.closed).toBeUndefined();
        for (const track of TRACKS) expect(viewer.view(track).groupsAborted).toBe(0);
        const { sequences } = viewer.view("video");
        const later = sequences.filter((sequence) => sequence > (startedSequences[index] ?? 0));
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
