import type { BrowserViewer, PaintedClock } from "./browser-viewer.ts";
import type { TestChromium } from "./chromium.ts";

/** A Chromium whose pages count the WebTransport sessions that they open. */
export function countingSessions(chromium: TestChromium): TestChromium {
  return {
    ...chromium,
    openPage: async (url) => {
      const opened = await chromium.openPage(url);
      await opened.page.addInitScript(() => {
        const counted = { openedSessions: 0 };
        Object.assign(window, { counted });
        window.WebTransport = new Proxy(window.WebTransport, {
          construct: (target, args) => {
            counted.openedSessions += 1;
            return Reflect.construct(target, args) as object;
          },
        });
      });
      return opened;
    },
  };
}

export interface Continuity {
  readonly openedSessions: number;
  readonly navigations: number;
  readonly reconnects: number;
}

/** What must not change while a viewer's path is mended behind the edge. */
export async function readContinuity(viewer: BrowserViewer): Promise<Continuity> {
  const { reconnects } = await viewer.stats();
  const counts = await viewer.page.evaluate(() => ({
    openedSessions: (window as unknown as { counted: { openedSessions: number } }).counted.openedSessions,
    navigations: performance.getEntriesByType("navigation").length,
  }));
  return { ...counts, reconnects };
}

/** Longest time for which the same picture stood on the canvas, ms. */
export function longestStillMs(painted: readonly PaintedClock[]): number {
  return painted.reduce(
    (longest, { seenMs }, index) => Math.max(longest, seenMs - (painted[index - 1]?.seenMs ?? seenMs)),
    0,
  );
}

/** Frames of the broadcast that were not painted, between the first and the last one. */
export function missingFrames(painted: readonly PaintedClock[]): number {
  const first = painted[0];
  const last = painted.at(-1);
  if (first === undefined || last === undefined) return 0;
  return last.frame - first.frame + 1 - new Set(painted.map(({ frame }) => frame)).size;
}
