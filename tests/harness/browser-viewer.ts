import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PlayerStats } from "@canopy/player";
import type { Page } from "playwright-core";
import { SMALL_VIEWPORT, type TestChromium } from "./chromium.ts";
import { ROOT } from "./repository-root.ts";
import { waitFor } from "./wait-for.ts";
import { type WaitInPageOptions, waitForExpression, waitInPage } from "./wait-in-page.ts";

/** What a painted picture of the built-in broadcaster says about itself. */
export interface PaintedClock {
  /** Capture time that is drawn into the picture, ms since the Unix epoch. */
  readonly captureMs: number;
  readonly frame: number;
  /** When the page saw it on its canvas, ms since the Unix epoch. */
  readonly seenMs: number;
  /** Media time of the picture by the player, µs. */
  readonly mediaTimeUs: number;
}

export interface FiredMessage {
  readonly id: string;
  readonly type: string;
  readonly at: number;
  readonly data: unknown;
  readonly source: string;
  /** Media time of the frame that was presented, µs. */
  readonly mediaTimeUs: number;
  /** Frame number in the picture on the canvas at that moment; undefined if it carries none. */
  readonly frame: number | undefined;
}

/** What a viewer's window may have. */
export const USUAL_VIEWPORT = { width: 1280, height: 720 };

/** The watch page in a real Chromium. */
export interface BrowserViewer {
  readonly page: Page;
  readonly errors: readonly string[];
  stats(): Promise<PlayerStats>;
  /** Fired `timed` events so far, in order. */
  fired(): Promise<readonly FiredMessage[]>;
  /** Pictures with a readable clock that were painted since the last call. */
  takePainted(): Promise<readonly PaintedClock[]>;
  /** The most that the sound's peak was at any repaint since the page was opened: a beep is short. */
  loudest(): Promise<number>;
  /** Waits until `count` more frames were presented than now. */
  presents(count: number, timeoutMs?: number): Promise<void>;
  /** Waits until `count` messages were fired. */
  fires(count: number, timeoutMs?: number): Promise<void>;
  /** Waits until its stats are so; the condition runs in the page and sees nothing else. */
  until<T = undefined>(
    what: string,
    condition: (stats: PlayerStats, argument: T) => boolean,
    options?: WaitInPageOptions<T>,
  ): Promise<void>;
  /** Waits until it plays, as it stalls where the machine does, and returns its stats of that moment. */
  plays(): Promise<PlayerStats>;
  close(): Promise<void>;
}

export interface BrowserViewerOptions {
  readonly console: string;
  /** Edges, in order of preference. */
  readonly src: readonly string[];
  readonly broadcast: string;
  /** More query parameters of the watch page. */
  readonly query?: Readonly<Record<string, string>>;
  /** Whether the pictures have a clock, which is looked for at every repaint: as much work as painting. Default: true. */
  readonly clock?: boolean;
  /** Of the page, in CSS pixels. Default: a small one. */
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** The clock code of the broadcaster as a script for a page: it is one module without imports. */
export function clockReaderScript(): string {
  const code = readFileSync(join(ROOT, "packages", "cli", "dist", "broadcast", "clock-code.js"), "utf8");
  return `${code.replace(/^export /gm, "").replace(/^\/\/# sourceMappingURL.*$/m, "")}
Object.assign(window, { readClockCode, encodeClockCode, CLOCK_CODE_COLUMNS, CLOCK_CODE_ROW_HEIGHT });`;
}

/** Runs in the page before its own scripts: notes painted clocks and fired events. */
function observePlayer(): void {
  interface Observed {
    painted: PaintedClock[];
    fired: FiredMessage[];
    loudest: number;
    /** Frames that were presented when a wait began, by the number of the wait. */
    starts: Record<number, number>;
  }
  interface PlayerElement extends HTMLElement {
    stats(): PlayerStats;
  }
  const observed: Observed = { painted: [], fired: [], loudest: 0, starts: {} };
  Object.assign(window, { observed });
  const keptPainted = 20_000;
  let scratch: OffscreenCanvas | undefined;
  /** The browser's own element where a transport presents in it, else the canvas. */
  const shownBy = (player: PlayerElement): HTMLVideoElement | HTMLCanvasElement | undefined => {
    const video = player.shadowRoot?.querySelector("video");
    if (video !== null && video !== undefined && !video.hidden && video.videoWidth > 0) return video;
    return player.shadowRoot?.querySelector("canvas") ?? undefined;
  };
  const readClock = (player: PlayerElement): { unixMs: number; frame: number } | undefined => {
    const shown = shownBy(player);
    const read = (
      window as unknown as { readClockCode?: (view: object) => { unixMs: number; frame: number } | undefined }
    ).readClockCode;
    if (shown === undefined || read === undefined) return undefined;
    const size =
      shown instanceof HTMLVideoElement ? { width: shown.videoWidth, height: shown.videoHeight } : shown;
    if (size.width < 64) return undefined;
    // Only the strip on top is copied; the reader is told the height of the whole picture.
    const height = Math.ceil(size.height / 8);
    if (scratch?.width !== size.width || scratch.height !== height) {
      scratch = new OffscreenCanvas(size.width, height);
    }
    const context = scratch.getContext("2d", { willReadFrequently: true });
    if (context === null) return undefined;
    context.drawImage(shown, 0, 0);
    const { data } = context.getImageData(0, 0, scratch.width, scratch.height);
    return read({ data, width: size.width, height: size.height, bytesPerPixel: 4 });
  };
  let lastFrame = -1;
  let lastPresented = -1;
  const attached = new WeakSet<Element>();
  const look = (): void => {
    const player = document.querySelector<PlayerElement>("canopy-player");
    if (player !== null && !attached.has(player)) {
      attached.add(player);
      player.addEventListener("timed", (event) => {
        const { message, mediaTimeUs, source } = (event as CustomEvent).detail;
        const clock = readClock(player);
        observed.fired.push({ ...message, source, mediaTimeUs, frame: clock?.frame });
      });
    }
    if (player !== null && typeof player.stats === "function") {
      const stats = player.stats();
      observed.loudest = Math.max(observed.loudest, stats?.audioPeak ?? 0);
      const shown = shownBy(player);
      const presented =
        shown instanceof HTMLVideoElement
          ? shown.getVideoPlaybackQuality().totalVideoFrames
          : stats?.presentedFrames;
      // Reading pixels costs as much as painting them: only when there is a new picture, or the first one as a still.
      const isNew = presented !== lastPresented || lastFrame < 0;
      const seenMs = performance.timeOrigin + performance.now();
      const clock = isNew ? readClock(player) : undefined;
      lastPresented = presented ?? -1;
      if (clock !== undefined && clock.frame !== lastFrame) {
        lastFrame = clock.frame;
        const mediaTimeUs = stats.presentedTimestampsUs.at(-1) ?? 0;
        observed.painted.push({ captureMs: clock.unixMs, frame: clock.frame, seenMs, mediaTimeUs });
        if (observed.painted.length > keptPainted) observed.painted.shift();
      }
    }
  };
  // In the task after the repaint: the player paints in a callback of the same repaint, after this one.
  const afterRepaint = new MessageChannel();
  afterRepaint.port1.onmessage = look;
  const onRepaint = (): void => {
    afterRepaint.port2.postMessage(undefined);
    requestAnimationFrame(onRepaint);
  };
  requestAnimationFrame(onRepaint);
}

/** Runs in the page. A player that starts anew counts from zero again. */
function hasPresentedMore({ count, wait }: { readonly count: number; readonly wait: number }): boolean {
  const { observed } = window as unknown as { observed: { starts: Record<number, number> } };
  const player = document.querySelector("canopy-player") as unknown as { stats(): PlayerStats };
  const { presentedFrames } = player.stats();
  const start = Math.min(observed.starts[wait] ?? presentedFrames, presentedFrames);
  observed.starts[wait] = start;
  return presentedFrames - start >= count;
}

/** Runs in the page. */
function hasFired(count: number): boolean {
  return (window as unknown as { observed: { fired: FiredMessage[] } }).observed.fired.length >= count;
}

/** Opens the watch page for one broadcast and waits for the player element. */
export async function openViewer(
  chromium: TestChromium,
  options: BrowserViewerOptions,
): Promise<BrowserViewer> {
  const opened = await chromium.openPage();
  const { page, context, errors } = opened;
  await page.setViewportSize(options.viewport ?? SMALL_VIEWPORT);
  if (options.clock !== false) await page.addInitScript(clockReaderScript());
  await page.addInitScript(observePlayer);
  const url = new URL("/watch", options.console);
  url.searchParams.set("broadcast", options.broadcast);
  url.searchParams.set("src", options.src.join(","));
  url.searchParams.set("muted", "");
  for (const [name, value] of Object.entries(options.query ?? {})) url.searchParams.set(name, value);
  await page.goto(url.href, { waitUntil: "commit" });

  const stats = (): Promise<PlayerStats> =>
    page.evaluate(() => {
      const player = document.querySelector("canopy-player") as unknown as { stats(): PlayerStats } | null;
      if (player === null || typeof player.stats !== "function")
        throw new Error("the player element is not up yet");
      return player.stats();
    });
  let presentsWaits = 0;
  return {
    page,
    errors,
    stats,
    fired: () =>
      page.evaluate(() => (window as unknown as { observed: { fired: FiredMessage[] } }).observed.fired),
    takePainted: () =>
      page.evaluate(() => {
        const { observed } = window as unknown as { observed: { painted: PaintedClock[] } };
        return observed.painted.splice(0);
      }),
    loudest: () =>
      page.evaluate(() => (window as unknown as { observed: { loudest: number } }).observed.loudest),
    presents: async (count, timeoutMs = 60_000) => {
      presentsWaits += 1;
      const argument = { count, wait: presentsWaits };
      const what = `${count} more presented frames`;
      try {
        await waitInPage(page, what, hasPresentedMore, { argument, timeoutMs });
      } catch (cause) {
        const last = JSON.stringify(await stats().catch(String));
        throw new Error(`${String(cause)}; ${last}; page errors: ${errors.join("; ")}`, { cause });
      }
    },
    fires: (count, timeoutMs) =>
      waitInPage(page, `${count} messages`, hasFired, { argument: count, timeoutMs }),
    until: (what, condition, { argument, timeoutMs } = {}) => {
      const ofPlayer = `document.querySelector("canopy-player").stats()`;
      return waitForExpression(
        page,
        what,
        `(${condition})(${ofPlayer}, ${JSON.stringify(argument)})`,
        timeoutMs,
      );
    },
    plays: () =>
      waitFor("the player to play", async () => {
        const now = await stats();
        return now.state === "playing" && now;
      }),
    close: () => context.close(),
  };
}
