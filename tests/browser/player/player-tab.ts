import { join } from "node:path";
import type { Page } from "playwright-core";
import type { TestChromium } from "../../harness/chromium.ts";
import type { PagePool } from "../../harness/page-pool.ts";
import { waitInPage } from "../../harness/wait-in-page.ts";
import { bundlePage } from "./bundle-page.ts";
import type { ClipFrames } from "./clip-frames.ts";
import type { PageLog } from "./player-page.ts";

export const bundlePlayerPage = (): Promise<string> =>
  bundlePage(join(import.meta.dirname, "player-page.ts"));

/** A page with a player in it, whose frames are handed to it. */
export interface PlayerTab extends AsyncDisposable {
  readonly page: Page;
  readonly errors: string[];
}

/** `script` is the bundle of `player-page.ts`. */
export async function openPlayerTab(
  chromium: TestChromium,
  script: string,
  clip: ClipFrames,
): Promise<PlayerTab> {
  const { page, errors } = await chromium.openPage();
  await loadPlayerPage(page, script, clip);
  return { page, errors, [Symbol.asyncDispose]: () => page.context().close() };
}

/** As `openPlayerTab`, in a page that is kept for the next test. */
export async function takePlayerTab(pages: PagePool, script: string, clip: ClipFrames): Promise<PlayerTab> {
  const tab = await pages.take();
  await loadPlayerPage(tab.page, script, clip);
  return tab;
}

async function loadPlayerPage(page: Page, script: string, clip: ClipFrames): Promise<void> {
  await page.addScriptTag({ content: script, type: "module" });
  await page.waitForFunction(() => window.PlayerPage !== undefined);
  await page.evaluate((frames) => {
    window.page = new window.PlayerPage(frames);
  }, clip);
}

export function readLog(page: Page): Promise<PageLog> {
  return page.evaluate(() => window.page.log);
}

export function stats(page: Page) {
  return page.evaluate(() => {
    const { player } = window.page;
    if (player === undefined) throw new Error("the page has no player");
    return player.stats();
  });
}

export async function waitForFrames(page: Page, count: number): Promise<void> {
  const hasPresented = (wanted: number): boolean => window.page.log.presented.length >= wanted;
  try {
    await waitInPage(page, `${count} presented frames`, hasPresented, { argument: count });
  } catch (error) {
    const { states, errors } = await readLog(page);
    throw new Error(`${String(error)}; states ${states.join()}; errors ${errors.join()}`, { cause: error });
  }
}

export async function waitForState(page: Page, state: string): Promise<void> {
  const isIn = (wanted: string): boolean => window.page.log.states.at(-1) === wanted;
  await waitInPage(page, `the state ${state}`, isIn, { argument: state });
}

/** Waits until `count` more frames than now have been presented. */
export async function waitForMoreFrames(page: Page, count: number): Promise<void> {
  const presented = await page.evaluate(() => window.page.log.presented.length);
  await waitForFrames(page, presented + count);
}
