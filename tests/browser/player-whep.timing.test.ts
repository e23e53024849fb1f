import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { launchChromium } from "../harness/chromium.ts";
import { PagePool, type PooledPage } from "../harness/page-pool.ts";
import { ROOT } from "../harness/repository-root.ts";
import { takingTurns } from "../harness/taking-turns.ts";
import { waitFor } from "../harness/wait-for.ts";
import { waitInPage } from "../harness/wait-in-page.ts";
import { bundlePage } from "./player/bundle-page.ts";
import type { ClipFrames } from "./player/clip-frames.ts";
import { makeClipFrames } from "./player/make-clip-frames.ts";
import { RelayEdge } from "./player/relay-edge.ts";
import { withOpusTone } from "./whep/make-opus-frames.ts";
import { WhepEdge, type WhepEdgeOptions } from "./whep/whep-edge.ts";

const FRAME_US = 40_000;
/** Of the clip, before it begins anew. */
const FRAMES = 200;

// They mostly wait for pictures that come in real time.
const it = takingTurns(3);

/** Two ends in one page: by loopback, and by address, as the names that hide addresses need multicast. */
const BOTH_ENDS = {
  args: ["--allow-loopback-in-peer-connection"],
  disabledFeatures: ["WebRtcHideLocalIpsWithMdns"],
};

let pages: PagePool;
let pagesWithBothEnds: PagePool;
let script: string;
let clip: ClipFrames;

beforeAll(async () => {
  clip = withOpusTone(
    makeClipFrames({ seconds: 8, fps: 25, size: "640x360", keyframeInterval: 25, bFrames: 0 }),
  );
  const [bundle, chromium, other] = await Promise.all([
    bundlePage(join(ROOT, "tests", "browser", "whep", "whep-page.ts")),
    launchChromium(),
    launchChromium(BOTH_ENDS),
  ]);
  script = bundle;
  pages = new PagePool(chromium);
  pagesWithBothEnds = new PagePool(other);
});

afterAll(async () => {
  await pages?.[Symbol.asyncDispose]();
  await pagesWithBothEnds?.[Symbol.asyncDispose]();
});

async function openTab(from = pages): Promise<PooledPage> {
  const tab = await from.take();
  await tab.page.addScriptTag({ content: script, type: "module" });
  await tab.page.waitForFunction(() => window.whep !== undefined);
  return tab;
}

/** Waits for it: where the machine stalls, the player does for a moment. */
async function reaches(page: Page, state: string): Promise<void> {
  const isIn = (wanted: string): boolean => window.whep.log.states.at(-1) === wanted;
  await waitInPage(page, `the state ${state}`, isIn, { argument: state });
}

function startEdge(options: WhepEdgeOptions = {}): Promise<WhepEdge> {
  return WhepEdge.start(clip, options);
}

const readLog = (page: Page) => page.evaluate(() => window.whep.log);

function stats(page: Page) {
  return page.evaluate(() => {
    const stats = window.whep.player?.stats();
    if (stats === undefined) throw new Error("the page has no player");
    return stats;
  });
}

/** Waits until `count` messages were fired. */
async function fires(page: Page, count: number, timeoutMs?: number): Promise<void> {
  const hasFired = (wanted: number): boolean => window.whep.log.timed.length >= wanted;
  await waitInPage(page, `${count} messages`, hasFired, { argument: count, timeoutMs });
}

async function presents(page: Page, count: number): Promise<void> {
  const wanted = count + (await page.evaluate(() => window.whep.log.presented.length));
  const hasPresented = (frames: number): boolean => window.whep.log.presented.length >= frames;
  try {
    await waitInPage(page, `${count} more frames`, hasPresented, { argument: wanted });
  } catch (cause) {
    const { states, errors } = await readLog(page);
    throw new Error(`${String(cause)}; ${states.join()}; ${errors.join("; ")}`, { cause });
  }
}

/** Which number the clip has at a media time, by what most of the pictures showed. */
function frameNumbers(
  presented: readonly { readonly timestampUs: number; readonly number: number }[],
): (timestampUs: number) => number {
  const frameOf = (timestampUs: number): number => Math.round(timestampUs / FRAME_US);
  const wrap = (number: number): number => ((number % FRAMES) + FRAMES) % FRAMES;
  const votes = new Map<number, number>();
  for (const { timestampUs, number } of presented) {
    const offset = wrap(number - frameOf(timestampUs));
    votes.set(offset, (votes.get(offset) ?? 0) + 1);
  }
  const [offset = 0] = [...votes].sort((a, b) => b[1] - a[1])[0] ?? [];
  return (timestampUs) => wrap(frameOf(timestampUs) + offset);
}

describe.concurrent("whepUpstream", () => {
  it("paints and sounds, with media times and latency from capture", async () => {
    await using edge = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => window.whep.start({ src }), edge.url);
    await presents(page, 100);
    const log = await readLog(page);
    expect(log.states).toEqual(["connecting", "playing"]);
    expect(log.errors).toEqual([]);
    expect(tab.errors).toEqual([]);
    // The number in the picture against the media time of the frame that is said to be presented.
    const settled = log.presented.slice(25);
    const numberOf = frameNumbers(settled);
    const wrong = settled.filter(({ timestampUs, number }) => numberOf(timestampUs) !== number);
    expect(wrong).toEqual([]);
    expect(log.surfaces).toEqual(["canvas"]);
    await waitInPage(page, "sound", () => window.whep.loudest() > 0.05);
    const figures = await stats(page);
    expect(figures).toMatchObject({
      transport: "whep",
      videoCodec: "avc1.42e01f",
      audioCodec: "opus",
      width: 640,
    });
    expect(figures.isLatencyAbsolute).toBe(true);
    expect(figures.latencyMs).toBeGreaterThan(10);
    expect(figures.latencyMs).toBeLessThan(1_000);
    expect(edge.requests.filter((request) => request.startsWith("POST"))).toHaveLength(1);
  });

  it("fires timed messages once, on their frames, by either way", async () => {
    await using edge = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => window.whep.start({ src }), edge.url);
    await presents(page, 60);
    const base = Date.now() * 1000 + 400_000;
    const ways = ["sei", "both", "track"] as const;
    const sent = Array.from({ length: 60 }, (_, index) => {
      const at = Math.round(base + index * 37_333);
      return { v: 1, id: `m${String(index).padStart(3, "0")}`, type: "cue", at, data: index } as const;
    });
    for (const [index, message] of sent.entries()) edge.sendTimed(message, ways[index % 3] ?? "both");
    await fires(page, sent.length, 15_000).catch(() => {
      // The comparison says which ones are missing.
    });
    await presents(page, 10);
    const { timed, presented } = await readLog(page);
    expect(timed.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    const numberOf = frameNumbers(presented.slice(25));
    for (const { at, mediaTimeUs, number } of timed) {
      // The first frame that is not before its time; and it is this one that is on screen.
      const first = presented.find(({ timestampUs }) => timestampUs >= at);
      expect(mediaTimeUs).toBe(first?.timestampUs);
      expect(mediaTimeUs - at).toBeLessThan(FRAME_US);
      expect(number).toBe(numberOf(mediaTimeUs));
    }
    expect(new Set(timed.map(({ source }) => source))).toEqual(new Set(["sei", "track"]));
  });

  it("lets the element show the picture where the page cannot get at it", async () => {
    await using edge = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(() => Reflect.deleteProperty(globalThis, "MediaStreamTrackProcessor"));
    await page.evaluate((src) => window.whep.start({ src }), edge.url);
    await presents(page, 50);
    const base = Date.now() * 1000 + 400_000;
    const sent = Array.from({ length: 20 }, (_, index) => {
      const at = Math.round(base + index * 61_000);
      return { v: 1, id: `e${String(index).padStart(2, "0")}`, type: "cue", at, data: index } as const;
    });
    for (const message of sent) edge.sendTimed(message, "both");
    await fires(page, sent.length);
    const { timed, presented, surfaces } = await readLog(page);
    expect(timed.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    for (const { at, mediaTimeUs } of timed) {
      // Of those that the browser says it has shown.
      expect(mediaTimeUs).toBe(presented.find(({ timestampUs }) => timestampUs >= at)?.timestampUs);
    }
    expect(surfaces.at(-1)).toBe("video");
  });

  it("finds the frames of SEI without a clock in the answer, and keeps the wished latency", async () => {
    await using edge = await startEdge({ tellsMediaClock: false });
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => window.whep.start({ src, latencyMs: 300 }), edge.url);
    await presents(page, 175);
    const base = Date.now() * 1000 + 500_000;
    for (let index = 0; index < 20; index += 1) {
      const at = Math.round(base + index * 61_000);
      edge.sendTimed({ v: 1, id: `s${String(index).padStart(2, "0")}`, type: "cue", at, data: null }, "sei");
    }
    await fires(page, 20);
    const { timed, presented } = await readLog(page);
    const late = presented.slice(-40).map(({ latencyUs }) => latencyUs / 1000);
    expect(late.sort((a, b) => a - b)[20]).toBeGreaterThan(270);
    expect(late[20]).toBeLessThan(330);
    for (const { at, mediaTimeUs } of timed) {
      const [first, second] = presented.filter(({ timestampUs }) => timestampUs >= at);
      // Times are estimates here: a frame this close to the message's time can be the one before it.
      const isBefore = (first?.timestampUs ?? 0) - at < 15_000;
      expect([first?.timestampUs, isBefore ? second?.timestampUs : first?.timestampUs]).toContain(
        mediaTimeUs,
      );
    }
  });

  it("plays sound alone, with its messages at their time", async () => {
    await using edge = await startEdge({ kinds: ["audio"] });
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => window.whep.start({ src }), edge.url);
    await reaches(page, "playing");
    await waitInPage(page, "sound", () => window.whep.loudest() > 0.05);
    const at = Date.now() * 1000 + 500_000;
    edge.sendTimed({ v: 1, id: "a", type: "cue", at, data: null }, "track");
    await fires(page, 1);
    const { mediaTimeUs = 0, stillUs = 0 } = (await readLog(page)).timed[0] ?? {};
    expect(mediaTimeUs - at).toBeGreaterThanOrEqual(0);
    expect(mediaTimeUs - at - stillUs).toBeLessThan(300_000);
    expect((await readLog(page)).errors).toEqual([]);
  });

  it("goes on with the messages while nobody can see the picture, and with the picture afterwards", async () => {
    await using edge = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => window.whep.start({ src }), edge.url);
    await presents(page, 40);
    await page.evaluate(() => window.whep.player?.setHidden(true));
    const base = Date.now() * 1000 + 300_000;
    const sent = Array.from({ length: 10 }, (_, index) => {
      return { v: 1, id: `h${index}`, type: "cue", at: base + index * 100_000, data: index } as const;
    });
    for (const message of sent) edge.sendTimed(message, "both");
    await fires(page, sent.length);
    const { timed } = await readLog(page);
    expect(timed.map(({ id }) => id)).toEqual(sent.map(({ id }) => id));
    for (const { at, mediaTimeUs } of timed) expect(mediaTimeUs - at).toBeLessThan(400_000);
    await reaches(page, "playing");
    await page.evaluate(() => window.whep.player?.setHidden(false));
    await presents(page, 20);
    expect((await readLog(page)).timed).toHaveLength(sent.length);
  });

  it("waits for a broadcast that is not live, and again after its end", async () => {
    await using edge = await startEdge();
    edge.isLive = false;
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => window.whep.start({ src }), edge.url);
    await reaches(page, "ended");
    edge.isLive = true;
    await presents(page, 20);
    edge.isLive = false;
    edge.dropViewers();
    await reaches(page, "ended");
    edge.isLive = true;
    await presents(page, 20);
    await reaches(page, "playing");
    expect((await readLog(page)).blanks).toBe(0);
  });

  it("comes back when the session is dropped, with the picture kept meanwhile", async () => {
    await using edge = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => window.whep.start({ src }), edge.url);
    await presents(page, 50);
    edge.dropViewers();
    await waitFor("another session", () => edge.viewers.size === 1);
    await presents(page, 50);
    await reaches(page, "playing");
    const log = await readLog(page);
    expect(log.surfaces).toEqual(["canvas"]);
    expect(log.blanks).toBe(0);
    expect((await stats(page)).reconnects).toBe(1);
  });

  it("goes to the next edge when its own says nothing any more", async () => {
    const first = await startEdge();
    await using second = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => window.whep.start({ src }), `${first.url},${second.url}`);
    await presents(page, 25);
    await first.close();
    await waitFor("a viewer at the other edge", () => second.viewers.size === 1, 15_000);
    await presents(page, 25);
    expect((await stats(page)).src).toBe(second.url);
  });

  it("tells the edge when it leaves", async () => {
    await using edge = await startEdge();
    await using tab = await openTab();
    await tab.page.evaluate((src) => window.whep.start({ src }), edge.url);
    await presents(tab.page, 10);
    await tab.page.evaluate(() => window.whep.player?.pause());
    await waitFor("the DELETE", () => edge.requests.some((request) => request.startsWith("DELETE")));
    await tab.page.evaluate(() => window.whep.player?.play());
    await presents(tab.page, 10);
    await tab.page.goto("about:blank");
    await waitFor(
      "the other DELETE",
      () => edge.requests.filter((request) => request.startsWith("DELETE")).length === 2,
    );
  });

  it("says why it may not, and does not try again", async () => {
    await using edge = await startEdge({ token: "a.b.c" });
    await using tab = await openTab();
    await tab.page.evaluate((src) => window.whep.start({ src, token: "x.y.z" }), edge.url);
    await reaches(tab.page, "failed");
    expect((await readLog(tab.page)).errors).toEqual(["unauthorized: The token does not allow it."]);
    await using other = await openTab();
    await other.page.evaluate((src) => window.whep.start({ src: `${src}?jwt=a.b.c` }), edge.url);
    await presents(other.page, 10);
  });

  it("fails with the edge's words when B-frames leave no other way", async () => {
    await using edge = await startEdge();
    edge.problem = { status: 406, type: "b-frames", detail: "The broadcast has B-frames." };
    await using tab = await openTab();
    await tab.page.evaluate((src) => window.whep.start({ src }), edge.url);
    await reaches(tab.page, "failed");
    expect((await readLog(tab.page)).errors).toEqual(["codec: The broadcast has B-frames."]);
  });

  it("restarts ICE with the servers of the Link header when the direct way leads nowhere", async () => {
    await using tab = await openTab(pagesWithBothEnds);
    const { page } = tab;
    await page.evaluate(() => window.whep.start({ src: "http://edge.test", whepAt: "page" }));
    await waitInPage(page, "the restart", () => window.whep.edge.wasRestarted);
    await waitInPage(page, "pictures", () => (window.whep.player?.stats().decodedFrames ?? 0) > 25);
    await reaches(page, "playing");
    expect(
      await page.evaluate(() => window.whep.edge.requests.filter((request) => request === "PATCH *")),
    ).toHaveLength(1);
    expect((await readLog(page)).errors).toEqual([]);
  });
});

describe.concurrent("CanopyPlayerElement", () => {
  it("shows the picture of WHEP at once where sound needs a tap, and lets it out with one", async () => {
    await using edge = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate((src) => {
      // As browsers do that want a gesture first. (A script that a test runs counts as one.)
      let hasGesture = false;
      addEventListener("pointerdown", () => {
        hasGesture = true;
      });
      const { play } = HTMLMediaElement.prototype;
      HTMLMediaElement.prototype.play = function (): Promise<void> {
        if (hasGesture || this.muted) return play.call(this);
        return Promise.reject(new DOMException("a gesture first", "NotAllowedError"));
      };
      const element = document.createElement("canopy-player");
      for (const [name, value] of Object.entries({ src, broadcast: "live/test", transports: "whep" })) {
        element.setAttribute(name, value);
      }
      document.body.append(element);
    }, edge.url);
    const element = page.locator("canopy-player");
    await waitFor("playing", async () => (await element.getAttribute("data-state")) === "playing");
    expect(await element.getAttribute("data-transport")).toBe("whep");
    const unmute = page.getByRole("button", { name: "Tap for sound" });
    await unmute.waitFor({ state: "visible", timeout: 10_000 });
    const isMuted = () =>
      page.evaluate(() => document.querySelector("canopy-player")?.shadowRoot?.querySelector("video")?.muted);
    expect(await isMuted()).toBe(true);
    await unmute.click();
    await unmute.waitFor({ state: "hidden", timeout: 10_000 });
    expect(await isMuted()).toBe(false);
    await page.evaluate(() => {
      const player = document.querySelector("canopy-player");
      if (player !== null) player.volume = 0.25;
    });
    expect(
      await page.evaluate(
        () => document.querySelector("canopy-player")?.shadowRoot?.querySelector("video")?.volume,
      ),
    ).toBe(0.25);
  });
});

describe.concurrent("Connection", () => {
  it("goes on with another transport when the broadcast gets B-frames, and keeps the picture", async () => {
    await using relay = await RelayEdge.start(clip);
    await using edge = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(
      ([src, whepAt]) => window.whep.start({ src, whepAt, transports: "whep,webtransport" }),
      [relay.url, edge.url] as const,
    );
    await presents(page, 50);
    expect((await stats(page)).transport).toBe("whep");
    edge.problem = { status: 406, type: "b-frames", detail: "The broadcast has B-frames." };
    edge.dropViewers();
    await waitInPage(
      page,
      "the other transport",
      () => window.whep.player?.stats().transport === "webtransport",
    );
    await presents(page, 50);
    await reaches(page, "playing");
    const log = await readLog(page);
    expect(log.errors).toContain("codec: The broadcast has B-frames.");
    expect(log.blanks).toBe(0);
    expect(log.surfaces).toEqual(["canvas"]);
    const times = log.presented.map(({ timestampUs }) => timestampUs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it("goes from WebTransport to WHEP when that is all there is, and keeps the picture", async () => {
    const relay = await RelayEdge.start(clip);
    await using edge = await startEdge();
    await using tab = await openTab();
    const { page } = tab;
    await page.evaluate(([src, whepAt]) => window.whep.start({ src, whepAt }), [
      relay.url,
      edge.url,
    ] as const);
    await page.evaluate(() => window.whep.player?.close());
    await page.evaluate(
      ([src, whepAt]) => window.whep.start({ src, whepAt, transports: "webtransport,whep" }),
      [relay.url, edge.url] as const,
    );
    await presents(page, 50);
    expect((await stats(page)).transport).toBe("webtransport");
    await relay.close();
    await waitInPage(page, "the other transport", () => window.whep.player?.stats().transport === "whep", {
      timeoutMs: 60_000,
    });
    await presents(page, 50);
    const log = await readLog(page);
    expect(log.blanks).toBe(0);
    expect(log.surfaces.at(-1)).toBe("canvas");
    expect(log.states.at(-1)).toBe("playing");
  });
});
