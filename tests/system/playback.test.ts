import type { PlayerStats } from "@canopy/player";
import { beforeAll, describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer } from "../harness/browser-viewer.ts";
import type { StartedProcess } from "../harness/child-process.ts";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { type ClipOptions, makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { waitFor } from "../harness/wait-for.ts";

/** What broadcasters push: `ffmpeg -re -i file -c copy -f flv rtmp://…`. */
const STREAMS: readonly (readonly [string, ClipOptions])[] = [
  ["30 fps without B-frames", { fps: 30 }],
  ["30 fps with B-frames", { fps: 30, bFrames: 2 }],
  ["24 fps with B-frames", { fps: 24, bFrames: 3 }],
  ["25 fps, baseline profile", { fps: 25, profile: "baseline" }],
  ["50 fps", { fps: 50 }],
  ["60 fps with B-frames", { fps: 60, bFrames: 2 }],
  ["video alone", { audio: false }],
];

const stage = useDevInChromium({ edges: 2 });

// Making them stops this process, and with it what looks at the players.
beforeAll(() => {
  for (const [, clip] of STREAMS) makeClip(clip);
  makeClip({ video: false });
});

function publish(clip: ClipOptions, broadcast: string): StartedProcess {
  return publishWithFfmpeg(makeClip(clip), `${stage.dev.rtmp}/${broadcast}`);
}

function viewAt(edge: string, broadcast: string): Promise<BrowserViewer> {
  return openViewer(stage.chromium, {
    ...{ console: stage.dev.console, src: [edge], broadcast, clock: false },
    // On a busy machine WebSocket may be there first.
    query: { transports: "webtransport" },
  });
}

function viewAtBothEdges(broadcast: string): Promise<BrowserViewer[]> {
  return Promise.all(stage.dev.edges.map((edge) => viewAt(edge, broadcast)));
}

/** Pixels of a coarse grid over the player's canvas. */
function readPicture(viewer: BrowserViewer): Promise<number[]> {
  return viewer.page.evaluate(() => {
    const canvas = document.querySelector("canopy-player")?.shadowRoot?.querySelector("canvas");
    if (!canvas || canvas.width < 16) return [];
    const scratch = new OffscreenCanvas(32, 18);
    const context = scratch.getContext("2d");
    context?.drawImage(canvas, 0, 0, 32, 18);
    return Array.from(context?.getImageData(0, 0, 32, 18).data ?? []);
  });
}

/** The canvas holds a picture with light and dark in it, and it moves. */
async function expectMovingPicture(viewer: BrowserViewer): Promise<void> {
  const first = await readPicture(viewer);
  expect(Math.max(...first.filter((_, index) => index % 4 === 1)), "brightest green value").toBeGreaterThan(
    100,
  );
  expect(Math.min(...first.filter((_, index) => index % 4 === 1)), "darkest green value").toBeLessThan(100);
  await waitFor("the picture to change", async () => {
    const later = await readPicture(viewer);
    return later.some((value, index) => Math.abs(value - (first[index] ?? 0)) > 30);
  });
}

// Beside each other: the second is waiting for a publisher who stays away.

describe.concurrent("playback of RTMP broadcasts in Chromium", () => {
  it.sequential.each(STREAMS)("paints %s at both edges", async (name, clip) => {
    const broadcast = `live/${name.replaceAll(/[^a-z0-9]+/gi, "-")}`;
    const publisher = publish(clip, broadcast);
    const viewers = await viewAtBothEdges(broadcast);
    try {
      // More than a group.
      await Promise.all(viewers.map((viewer) => viewer.presents(1.5 * (clip.fps ?? 30))));
      for (const viewer of viewers) {
        await expectMovingPicture(viewer);
        const stats = await viewer.plays();
        expect(stats.transport).toBe("webtransport");
        expect(stats.videoCodec).toMatch(/^avc1\./);
        // Presentation order, B-frames or not.
        const times = stats.presentedTimestampsUs;
        expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))).toBe(true);
        if (clip.audio !== false) expect(stats.audioCodec).toBe("mp4a.40.2");
        expect(viewer.errors).toEqual([]);
      }
    } finally {
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await publisher.stop();
    }
  });

  it.sequential("plays sound alone at both edges", async () => {
    const publisher = publish({ video: false }, "live/sound-alone");
    const viewers = await viewAtBothEdges("live/sound-alone");
    try {
      for (const viewer of viewers) {
        const isHeard = ({ state, audioPeak }: PlayerStats) => state === "playing" && audioPeak > 0.01;
        await viewer.until("audible samples", isHeard);
        expect((await viewer.stats()).videoCodec).toBeUndefined();
        expect(viewer.errors).toEqual([]);
      }
    } finally {
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await publisher.stop();
    }
  });

  it.sequential("lets the sound of a picture be heard", async () => {
    const publisher = publish({}, "live/with-sound");
    const viewer = await viewAt(stage.dev.edges[0] ?? "", "live/with-sound");
    try {
      await viewer.presents(30);
      await viewer.until("audible samples", ({ audioPeak }) => audioPeak > 0.01);
    } finally {
      await viewer.close();
      await publisher.stop();
    }
  });

  it.sequential("resumes both players without a reload when the publisher stops and starts again", async () => {
    let publisher = publish({}, "live/restart");
    const viewers = await viewAtBothEdges("live/restart");
    try {
      await Promise.all(viewers.map((viewer) => viewer.presents(30)));
      for (const pauseMs of [0, 3_000]) {
        await publisher.stop();
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        publisher = publish({}, "live/restart");
        await Promise.all(viewers.map((viewer) => viewer.presents(45)));
        for (const viewer of viewers)
          expect((await viewer.stats()).reconnects, "sessions opened again").toBe(0);
      }
      for (const viewer of viewers) {
        expect(await viewer.page.evaluate(() => performance.getEntriesByType("navigation").length)).toBe(1);
        expect(viewer.errors).toEqual([]);
      }
    } finally {
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await publisher.stop();
    }
  });
});

describe.concurrent("players of a broadcast that has ended", () => {
  it("resumes when the publisher comes back after the broadcast had ended", async () => {
    let publisher = publish({}, "live/comes-back");
    const [viewer, other] = await viewAtBothEdges("live/comes-back");
    try {
      if (viewer === undefined || other === undefined) throw new Error("no viewer");
      await viewer.presents(30);
      await publisher.stop();
      const isOver = ({ state }: PlayerStats) => state === "ended";
      await viewer.until("the player to see the end", isOver, { timeoutMs: 60_000 });
      publisher = publish({}, "live/comes-back");
      await Promise.all([viewer.presents(30), other.presents(30)]);
    } finally {
      await viewer?.close();
      await other?.close();
      await publisher.stop();
    }
  });
});
