import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BroadcastRecorder } from "../harness/broadcast-recorder.ts";
import { type BrowserViewer, openViewer } from "../harness/browser-viewer.ts";
import { CANOPY_COMMAND, type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { postRandomMessages } from "../harness/post-timed.ts";
import { readBurntInNumbers } from "../harness/read-elementary-stream.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The broadcaster's test picture; small, as this machine does everybody's work, and without a graphics processor. */
const CLOCK = "live/clock";
const CLOCK_PICTURE = ["--width", "640", "--height", "360", "--video-bitrate", "800"];
const VIEWPORT = { width: 480, height: 400 };

/** A media time that went through an RTP timestamp is a tick of 1/90,000 s, half a tick early at most. */
const TICK_US = 18;

const ONE_SECOND_US = 1_000_000;

let dev: CanopyDev;
let broadcaster: StartedProcess;
let chromium: TestChromium;
let folder = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-webrtc-"));
  dev = await startCanopyDev({ edges: 2 });
  const to = `${dev.rtmp}/${CLOCK}`;
  broadcaster = startProcess(process.execPath, [
    CANOPY_COMMAND,
    "broadcast",
    "test",
    "--to",
    to,
    ...CLOCK_PICTURE,
  ]);
  chromium = await launchChromium({
    args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  });
});

afterAll(async () => {
  await chromium?.close();
  await broadcaster?.stop();
  await dev?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function view(
  broadcast: string,
  transports: string,
  options: {
    readonly edge?: number;
    readonly query?: Record<string, string>;
    readonly browser?: TestChromium;
  } = {},
): Promise<BrowserViewer> {
  const src = [dev.edges[options.edge ?? 0] ?? ""];
  const viewer = await openViewer(options.browser ?? chromium, {
    console: dev.console,
    src,
    broadcast,
    query: { transports, ...options.query },
  });
  await viewer.page.setViewportSize(VIEWPORT);
  return viewer;
}

/** A player that asks for a broadcast before it is there goes on asking, but the page's console has an error then. */
async function untilLive(broadcast: string): Promise<void> {
  await waitFor(`${broadcast} at the origin`, async () => {
    return (await fetch(`${dev.origin}/v1/broadcasts/${broadcast}`)).ok;
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
  expect(await viewer.stats()).toMatchObject({ state: "playing", transport });
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

describe("WebRTC at both rims", () => {
  it("plays a camera that a browser publishes by WHIP, at two edges, over WebTransport and WHEP", async () => {
    const { page, context, errors } = await chromium.openPage(
      `${dev.console}/publish?broadcast=live/camera&protocol=whip`,
    );
    const viewers: BrowserViewer[] = [];
    try {
      await page.getByRole("button", { name: "Check devices" }).click();
      await page.getByText("Nothing is sent yet.").waitFor();
      await page.getByRole("button", { name: "Go live" }).click();
      await page.getByText("You are live").waitFor({ timeout: 20_000 });
      viewers.push(await view("live/camera", "webtransport"));
      viewers.push(await view("live/camera", "whep", { edge: 1 }));
      for (const [index, viewer] of viewers.entries()) {
        await expectPlaying(viewer, index === 0 ? "webtransport" : "whep");
      }
      expect(errors).toEqual([]);
    } finally {
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await context.close();
    }
  });

  it("plays what ffmpeg pushes as H.264 and AAC over WHEP, with sound", async () => {
    const publisher = publishWithFfmpeg(makeClip({ profile: "baseline" }), `${dev.rtmp}/live/ffmpeg`);
    await untilLive("live/ffmpeg");
    const viewer = await view("live/ffmpeg", "whep");
    try {
      await expectPlaying(viewer, "whep");
      expect(await viewer.stats()).toMatchObject({ audioCodec: "opus" });
    } finally {
      await viewer.close();
      await publisher.stop();
    }
  });

  it("goes on over WebTransport by itself when the broadcast has B-frames", async () => {
    const publisher = publishWithFfmpeg(makeClip({ bFrames: 2 }), `${dev.rtmp}/live/b-frames`);
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

  it("fires 500 timed messages once, on their frames, over WHEP and WebTransport at once", async () => {
    // Time for a machine that does all of this at once.
    const query = { latency: "300" };
    const viewers = [
      await view(CLOCK, "whep", { query }),
      await view(CLOCK, "webtransport", { edge: 1, query }),
    ];
    const recorder = await BroadcastRecorder.open(dev.edges[0] ?? "", CLOCK, ["video"]);
    try {
      await Promise.all(viewers.map((viewer) => viewer.presents(60)));
      await waitFor("the recorder's first frames", () => recorder.frames("video").length > 30);
      const posted = await postRandomMessages(
        { seed: 20_261, count: 500, meanGapMs: 30 },
        { origin: dev.origin, broadcast: CLOCK },
      );
      const last = Math.max(...posted.map(({ at }) => at));
      await waitFor("video", () => recorder.newestUs("video") > last + ONE_SECOND_US, 20_000);
      const video = recorder.frames("video");
      const timesUs = video.map((frame) => frame.timestampUs);
      const file = join(folder, "video.h264");
      writeFileSync(file, Buffer.concat(video.map((frame) => frame.payload)));
      const numbers = await readBurntInNumbers(file);
      const wanted = [...posted].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
      for (const [index, viewer] of viewers.entries()) {
        await waitFor(
          "all messages",
          async () => (await viewer.fired()).length >= posted.length,
          20_000,
        ).catch(() => {
          // The comparison says which ones are missing.
        });
        await viewer.presents(15);
        const fired = await viewer.fired();
        const { transport, gaps, stalls, droppedFrames, presentedFrames } = await viewer.stats();
        const trouble = JSON.stringify({ transport, gaps, stalls, droppedFrames, presentedFrames });
        expect(
          fired.map(({ id }) => id),
          trouble,
        ).toEqual(wanted.map(({ id }) => id));
        const numberAt = new Map(timesUs.map((time, place) => [time, numbers[place]]));
        const slackUs = index === 0 ? TICK_US : 0;
        const nearest = (mediaUs: number): number =>
          timesUs.find((time) => Math.abs(time - mediaUs) <= slackUs) ?? Number.NaN;
        // The first frame of the broadcast that is not before the message, and no other one, says the event...
        const own = (at: number): number => timesUs.find((time) => time >= at) ?? Number.NaN;
        const elsewhere = fired.filter(({ at, mediaTimeUs }) => nearest(mediaTimeUs) !== own(at));
        console.log(`${transport}: ${fired.length - elsewhere.length} of ${posted.length} on their frame`);
        expect(elsewhere, trouble).toEqual([]);
        // ...and so does the number in the picture that the handler of the event found on the canvas.
        const other = fired.filter(({ frame, mediaTimeUs }) => frame !== numberAt.get(nearest(mediaTimeUs)));
        expect(other, trouble).toEqual([]);
        expect(viewer.errors).toEqual([]);
      }
    } finally {
      recorder.close();
      await Promise.all(viewers.map((viewer) => viewer.close()));
    }
  });

  it("shows the same frame at the same time on both transports in sync mode", async () => {
    const query = { sync: "", latency: "300" };
    const other = await launchChromium();
    const viewers = [
      await view(CLOCK, "whep", { query }),
      await view(CLOCK, "webtransport", { edge: 1, query, browser: other }),
    ];
    try {
      await Promise.all(viewers.map((viewer) => viewer.presents(300)));
      await Promise.all(viewers.map((viewer) => viewer.takePainted()));
      await Promise.all(viewers.map((viewer) => viewer.presents(300)));
      const [first = [], second = []] = await Promise.all(viewers.map((viewer) => viewer.takePainted()));
      const seen = new Map(second.map(({ frame, seenMs }) => [frame, seenMs]));
      const apartMs = first
        .flatMap(({ frame, seenMs }) => {
          const otherMs = seen.get(frame);
          return otherMs === undefined ? [] : [Math.abs(seenMs - otherMs)];
        })
        .sort((a, b) => a - b);
      expect(apartMs.length).toBeGreaterThan(200);
      const p95 = apartMs[Math.floor(apartMs.length * 0.95)];
      const latencies = await Promise.all(viewers.map(async (viewer) => (await viewer.stats()).latencyMs));
      const targets = await Promise.all(
        viewers.map(async (viewer) => (await viewer.stats()).targetLatencyMs),
      );
      console.log(
        `apart: p50 ${apartMs[apartMs.length >> 1]} ms, p95 ${p95} ms; ${latencies} of ${targets} ms`,
      );
      expect(p95).toBeLessThanOrEqual(40);
    } finally {
      await Promise.all(viewers.map((viewer) => viewer.close()));
      await other.close();
    }
  });
});
