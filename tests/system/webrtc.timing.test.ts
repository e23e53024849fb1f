import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer, type PaintedClock } from "../harness/browser-viewer.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { DEMO_BROADCAST, useDevInChromium } from "../harness/dev-in-chromium.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { MEDIUM_PICTURE } from "../harness/test-picture.ts";
import { untilAnnounced } from "../harness/until-announced.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Pictures that two players in sync mode are compared by: a pause of the machine for half a second is a twentieth of them. */
const MEASURED_FRAMES = 300;
/** A player this close to its latency, by a clock that is as certain, has arrived there; a picture stands for 33 ms. */
const ARRIVED_MS = 10;
/** A player that has to wait for a busy machine takes the next step of latency in sync mode, and comes back later. */
const SYNC_DEADLINE_MS = 60_000;
const VIEWPORT = { width: 480, height: 400 };

// A picture that this machine has room for, which does everybody's work, and without a graphics processor.
const stage = useDevInChromium(
  { edges: 2, picture: MEDIUM_PICTURE },
  { args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] },
);

async function view(
  broadcast: string,
  transports: string,
  options: {
    readonly edge?: number;
    readonly query?: Record<string, string>;
    readonly browser?: TestChromium;
  } = {},
): Promise<BrowserViewer> {
  const src = [stage.dev.edges[options.edge ?? 0] ?? ""];
  return openViewer(options.browser ?? stage.chromium, {
    console: stage.dev.console,
    src,
    broadcast,
    query: { transports, ...options.query },
    viewport: VIEWPORT,
  });
}

/** Pixels of a coarse grid over what the player shows. */
function readPicture(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const root = document.querySelector("canopy-player")?.shadowRoot;
    const video = root?.querySelector("video");
    const shown = video?.hidden === false ? video : root?.querySelector("canvas");
    const context = new OffscreenCanvas(32, 18).getContext("2d");
    if (!shown || context === null) return [];
    context.drawImage(shown, 0, 0, 32, 18);
    return Array.from(context.getImageData(0, 0, 32, 18).data);
  });
}

async function expectMovingPicture({ page }: BrowserViewer): Promise<void> {
  const first = await readPicture(page);
  expect(Math.max(...first.filter((_, index) => index % 4 === 1))).toBeGreaterThan(100);
  await waitFor("the picture to change", async () => {
    const later = await readPicture(page);
    return later.some((value, index) => Math.abs(value - (first[index] ?? 0)) > 20);
  });
}

async function expectPlaying(viewer: BrowserViewer, transport: string): Promise<void> {
  await viewer.presents(60);
  await expectMovingPicture(viewer);
  await waitFor(
    "sound",
    async () => {
      await unmute(viewer.page);
      return loudest(viewer);
    },
    20_000,
  );
  expect((await viewer.plays()).transport).toBe(transport);
  expect(viewer.errors).toEqual([]);
}

function unmute(page: Page): Promise<void> {
  return page.evaluate(() => {
    const player = document.querySelector("canopy-player") as unknown as { muted: boolean };
    player.muted = false;
  });
}

/** What can be heard: samples of the element's stream, or those that the player gives to the sound device. */
async function loudest(viewer: BrowserViewer): Promise<boolean> {
  const inElement = await viewer.page.evaluate(async () => {
    const stream = document.querySelector("canopy-player")?.shadowRoot?.querySelector("video")?.srcObject;
    if (!(stream instanceof MediaStream)) return 0;
    if (stream.getAudioTracks().length === 0) return 0;
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 32_768 });
    context.createMediaStreamSource(stream).connect(analyser);
    await context.resume();
    // The fake microphone beeps once a second.
    await new Promise((resolve) => setTimeout(resolve, 600));
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    await context.close();
    return samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  });
  return inElement > 0.01 || (await viewer.stats()).audioPeak > 0.01;
}

/** What two players in sync mode showed while both aimed at the same latency, from when they were there on. */
async function takeTogether(
  viewers: readonly BrowserViewer[],
): Promise<readonly (readonly PaintedClock[])[]> {
  const readTargets = async (): Promise<number[]> => {
    const stats = await Promise.all(viewers.map((viewer) => viewer.stats()));
    const isThere = stats.every(
      ({ latencyMs, targetLatencyMs, clockUncertaintyMs }) =>
        Math.abs(latencyMs - targetLatencyMs) < ARRIVED_MS && clockUncertaintyMs < ARRIVED_MS,
    );
    return isThere ? [...new Set(stats.map(({ targetLatencyMs }) => targetLatencyMs))] : [];
  };
  return waitFor(
    "both players to aim at the same latency for a while",
    async () => {
      const [target, ...others] = await readTargets();
      if (target === undefined || others.length > 0) return undefined;
      await Promise.all(viewers.map((viewer) => viewer.takePainted()));
      await Promise.all(viewers.map((viewer) => viewer.presents(MEASURED_FRAMES)));
      const painted = await Promise.all(viewers.map((viewer) => viewer.takePainted()));
      const stats = await Promise.all(viewers.map((viewer) => viewer.stats()));
      return stats.every(({ targetLatencyMs }) => targetLatencyMs === target) && painted;
    },
    SYNC_DEADLINE_MS,
  );
}

describe("WebRTC at both rims", () => {
  it("plays a camera that a browser publishes by WHIP, at two edges, over WebTransport and WHEP", async () => {
    const { page, context, errors } = await stage.chromium.openPage(
      `${stage.dev.console}/publish?broadcast=live/camera&protocol=whip`,
    );
    const viewers: BrowserViewer[] = [];
    try {
      await page.getByRole("button", { name: "Check devices" }).click();
      await page.getByText("Nothing is sent yet.").waitFor();
      await page.getByRole("button", { name: "Go live" }).click();
      await page.getByText("You are live").waitFor({ timeout: 20_000 });
      await untilAnnounced(stage.dev.edges, "live/camera");
      const watch = async (transport: string, edge: number): Promise<void> => {
        const viewer = await view("live/camera", transport, { edge });
        viewers.push(viewer);
        await expectPlaying(viewer, transport);
      };
      await Promise.all([watch("webtransport", 0), watch("whep", 1)]);
      expect(errors).toEqual([]);
    } finally {
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await context.close();
    }
  });

  it.concurrent("plays what ffmpeg pushes as H.264 and AAC over WHEP, with sound", async () => {
    const publisher = publishWithFfmpeg(makeClip({ profile: "baseline" }), `${stage.dev.rtmp}/live/ffmpeg`);
    await untilAnnounced(stage.dev.edges, "live/ffmpeg");
    const viewer = await view("live/ffmpeg", "whep");
    try {
      await expectPlaying(viewer, "whep");
      expect(await viewer.stats()).toMatchObject({ audioCodec: "opus" });
    } finally {
      await viewer.close();
      await publisher.stop();
    }
  });

  it.concurrent("goes on over WebTransport by itself when the broadcast has B-frames", async () => {
    const publisher = publishWithFfmpeg(makeClip({ bFrames: 2 }), `${stage.dev.rtmp}/live/b-frames`);
    const viewer = await view("live/b-frames", "whep,webtransport");
    try {
      await viewer.presents(60);
      await expectMovingPicture(viewer);
      expect((await viewer.stats()).transport).toBe("webtransport");
    } finally {
      await viewer.close();
      await publisher.stop();
    }
  });

  it("shows the same frame at the same time on both transports in sync mode", async () => {
    const query = { sync: "", latency: "300" };
    const other = await launchChromium();
    const viewers = await Promise.all([
      view(DEMO_BROADCAST, "whep", { query }),
      view(DEMO_BROADCAST, "webtransport", { edge: 1, query, browser: other }),
    ]);
    try {
      const [first = [], second = []] = await takeTogether(viewers);
      const seen = new Map(second.map(({ frame, seenMs }) => [frame, seenMs]));
      const apartMs = first
        .flatMap(({ frame, seenMs }) => {
          const otherMs = seen.get(frame);
          return otherMs === undefined ? [] : [Math.abs(seenMs - otherMs)];
        })
        .sort((a, b) => a - b);
      expect(apartMs.length).toBeGreaterThan((MEASURED_FRAMES * 2) / 3);
      const p95 = apartMs[Math.floor(apartMs.length * 0.95)];
      const latencies = await Promise.all(viewers.map(async (viewer) => (await viewer.stats()).latencyMs));
      console.log(`apart: p50 ${apartMs[apartMs.length >> 1]} ms, p95 ${p95} ms; ${latencies} ms`);
      expect(p95).toBeLessThanOrEqual(40);
    } finally {
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await other.close();
    }
  });
});
