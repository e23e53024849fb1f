import { SMALL_VIEWPORT, type TestChromium, type TestPage } from "./chromium.ts";

/** A page that is given back when it is disposed of. */
export interface PooledPage extends Pick<TestPage, "page" | "errors">, AsyncDisposable {}

/**
 * Pages on the empty page of a Chromium, each for one test after the other: a window of its own costs a browser the
 * better part of a second of a core, which tests beside it would miss, and a new document a tenth of that. What a test
 * did to its document is gone with it; what it did to its context (routes, init scripts) would stay.
 */
export class PagePool implements AsyncDisposable {
  readonly #chromium: TestChromium;
  readonly #idle: TestPage[] = [];

  constructor(chromium: TestChromium) {
    this.#chromium = chromium;
  }

  async take(): Promise<PooledPage> {
    const opened = this.#idle.pop() ?? (await this.#open());
    const { page, errors } = opened;
    errors.length = 0;
    return { page, errors, [Symbol.asyncDispose]: () => this.#giveBack(opened) };
  }

  /** With the browser, which is the pool's from now on. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#chromium.close();
  }

  async #open(): Promise<TestPage> {
    const opened = await this.#chromium.openPage();
    await opened.page.setViewportSize(SMALL_VIEWPORT);
    return opened;
  }

  async #giveBack(opened: TestPage): Promise<void> {
    const { page } = opened;
    // It may have left the origin, whose storage is another one.
    await page.goto(this.#chromium.origin);
    await page.evaluate(() => {
      localStorage.clear();
      sessionStorage.clear();
    });
    this.#idle.push(opened);
  }
}
