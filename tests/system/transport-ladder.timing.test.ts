import type { PlayerStats } from "@canopy/player";
import { describe, expect, it } from "vitest";
import { type BrowserViewer, openViewer } from "../harness/browser-viewer.ts";
import type { TestChromium } from "../harness/chromium.ts";
import { DEMO_BROADCAST, useDevInChromium } from "../harness/dev-in-chromium.ts";
import { EdgePath } from "../harness/edge-path.ts";
import { postTimed } from "../harness/post-timed.ts";
import { withoutFeatures } from "../harness/restricted-browser.ts";
import { SMALL_PICTURE } from "../harness/test-picture.ts";
import { waitFor } from "../harness/wait-for.ts";
import { longestStillMs } from "../harness/watch-continuity.ts";

// Small, as this machine decodes and paints it for several pages at a time.
const stage = useDevInChromium({ edges: 1, picture: SMALL_PICTURE });

interface TransportChange {
  readonly transport: string | undefined;
  readonly reason: string | undefined;
  readonly atMs: number;
}

interface LadderWindow {
  ladder: { changes: TransportChange[]; blankMs: number };
}

/** Notes changes of the transport, and for how long there was no picture after the first one. */
function observeLadder(): void {
  const ladder: LadderWindow["ladder"] = { changes: [], blankMs: 0 };
  Object.assign(window, { ladder });
  let lastMs = 0;
  let hasPicture = false;
  const look = (): void => {
    const player = document.querySelector("canopy-player");
    const surfaces = [...(player?.shadowRoot?.querySelectorAll("canvas, video") ?? [])] as HTMLElement[];
    const shown = surfaces.find(({ hidden }) => !hidden);
    const width = shown instanceof HTMLVideoElement ? shown.videoWidth : (shown as HTMLCanvasElement)?.width;
    // A video that seeks keeps its picture, whatever its state.
    const isPainted = width > 64;
    const nowMs = performance.now();
    if (hasPicture && !isPainted) ladder.blankMs += nowMs - lastMs;
    hasPicture ||= isPainted;
    lastMs = nowMs;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  document.addEventListener("transportchange", (event) => {
    ladder.changes.push({ ...(event as CustomEvent).detail, atMs: performance.now() });
  });
}

const readLadder = (viewer: BrowserViewer): Promise<LadderWindow["ladder"]> =>
  viewer.page.evaluate(() => (window as unknown as LadderWindow).ladder);

async function watch(
  browser: TestChromium,
  options: { readonly transports?: string; readonly path?: EdgePath } = {},
): Promise<BrowserViewer> {
  const { transports, path } = options;
  const observed: TestChromium = {
    ...browser,
    openPage: async (url) => {
      const opened = await browser.openPage(url);
      await opened.page.addInitScript(observeLadder);
      await path?.guide(opened.page);
      return opened;
    },
  };
  return openViewer(observed, {
    console: stage.dev.console,
    src: path === undefined ? stage.dev.edges : [path.src],
    broadcast: DEMO_BROADCAST,
    ...(transports !== undefined && { query: { transports } }),
  });
}

async function usesTransport(viewer: BrowserViewer, transport: string, timeoutMs: number): Promise<void> {
  const isPlaying = (stats: PlayerStats, wanted: string): boolean =>
    stats.transport === wanted && stats.state === "playing";
  const options = { argument: transport, timeoutMs };
  await viewer.until(`the transport ${transport}`, isPlaying, options).catch(async (cause: unknown) => {
    const stats = { ...(await viewer.stats()), presentedTimestampsUs: undefined };
    const { changes } = await readLadder(viewer);
    throw new Error(JSON.stringify({ ...stats, changes }), { cause });
  });
}

describe("the ladder of transports", () => {
  it("does not load the script for HLS where it plays otherwise", async () => {
    // Without WebSocket, which may be there first on a busy machine.
    const viewer = await watch(stage.chromium, { transports: "webtransport,whep,hls" });
    await viewer.presents(30);
    expect((await viewer.stats()).transport).toBe("webtransport");
    const scripts = await viewer.page.evaluate(() =>
      performance.getEntriesByType("resource").map(({ name }) => name),
    );
    expect(scripts.filter((name) => /hls-/.test(name))).toEqual([]);
    await viewer.close();
  });
});

// Beside the two below, which mostly wait; one after the other.
describe.concurrent("the ladder of transports of a browser or path that lacks something", () => {
  it.sequential("takes WHEP in a browser without WebTransport and WebSocket", async () => {
    const viewer = await watch(withoutFeatures(stage.chromium, ["WebTransport", "WebSocket"]));
    await viewer.presents(30);
    expect((await viewer.stats()).transport).toBe("whep");
    expect((await readLadder(viewer)).changes.map(({ transport }) => transport)).toEqual(["whep"]);
    await viewer.close();
  });

  it.sequential("takes HLS in a browser without WebCodecs and WebRTC", async () => {
    const viewer = await watch(
      withoutFeatures(stage.chromium, ["VideoDecoder", "AudioDecoder", "RTCPeerConnection"]),
    );
    await viewer.presents(30);
    expect((await viewer.stats()).transport).toBe("hls");
    expect(viewer.errors).toEqual([]);
    await viewer.close();
  });

  it.sequential("ends on TCP where UDP is blocked", async () => {
    await using path = await EdgePath.open(stage.dev.edges[0] ?? "", 1);
    path.cutUdp();
    const viewer = await watch(stage.chromium, { path });
    await viewer.presents(30, 90_000);
    const stats = await viewer.stats();
    console.log(`UDP blocked: ${stats.transport} after ${stats.joinMs} ms, "${stats.transportReason}"`);
    expect(["websocket", "hls"]).toContain(stats.transport);
    expect(stats.transportReason).toBeTruthy();
    await viewer.close();
  });
});

describe.concurrent("the ladder of transports on a path that changes", () => {
  it("goes down when UDP turns bad and up again when it is good, with a picture all the time and each event once", async () => {
    await using path = await EdgePath.open(stage.dev.edges[0] ?? "", 7);
    const viewer = await watch(stage.chromium, { path, transports: "webtransport,hls" });
    await usesTransport(viewer, "webtransport", 30_000);
    await viewer.presents(60);
    const posted: string[] = [];
    let index = 0;
    let isPosting = true;
    const posting = (async () => {
      while (isPosting) {
        index += 1;
        posted.push((await postTimed(stage.dev.origin, DEMO_BROADCAST, { type: "cue", data: index })).id);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    })();
    await viewer.takePainted();
    path.setUdp(0.7);
    await usesTransport(viewer, "hls", 60_000);
    await viewer.presents(60);
    path.setUdp(0);
    await usesTransport(viewer, "webtransport", 60_000);
    await viewer.presents(90);
    isPosting = false;
    await posting;
    await waitFor(
      "the last message",
      async () => (await viewer.fired()).at(-1)?.id === posted.at(-1),
      15_000,
    ).catch(() => {
      // The comparison below says which ones are missing.
    });
    const { changes, blankMs } = await readLadder(viewer);
    const fired = (await viewer.fired()).map(({ id }) => id);
    const stillMs = longestStillMs(await viewer.takePainted());
    const { reconnects } = await viewer.stats();
    console.log(
      `ladder: ${JSON.stringify(changes)}; ${reconnects} reconnects; longest still ${Math.round(stillMs)} ms, blank ${Math.round(blankMs)} ms; ${fired.length} of ${posted.length} fired`,
    );
    expect(changes.map(({ transport }) => transport)).toEqual(["webtransport", "hls", "webtransport"]);
    expect(changes.slice(1).every(({ reason }) => reason !== undefined && reason !== "")).toBe(true);
    expect(blankMs).toBe(0);
    expect(fired).toEqual(posted);
    await viewer.close();
  });

  it("changes between transports of the page's one element with the last picture kept", async () => {
    await using path = await EdgePath.open(stage.dev.edges[0] ?? "", 9);
    const viewer = await watch(stage.chromium, { path, transports: "whep,hls" });
    await usesTransport(viewer, "whep", 30_000);
    await viewer.presents(60);
    path.cutUdp();
    await usesTransport(viewer, "hls", 60_000);
    await viewer.presents(60);
    path.setUdp(0);
    await usesTransport(viewer, "whep", 90_000);
    await viewer.presents(60);
    const { changes, blankMs } = await readLadder(viewer);
    console.log(`ladder in one element: ${JSON.stringify(changes)}; blank ${Math.round(blankMs)} ms`);
    expect(changes.map(({ transport }) => transport)).toEqual(["whep", "hls", "whep"]);
    expect(blankMs).toBe(0);
    await viewer.close();
  });
});
