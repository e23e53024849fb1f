import { createServer, type Server } from "node:http";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { chromiumSwitches } from "./chromium-switches.ts";

/**
 * Debian's build of Chromium without windows: each page's window is otherwise built and drawn as if somebody saw it, for
 * half a second of a core. What is in the page is the same. CANOPY_TEST_CHROMIUM names another one, also one with windows.
 */
export const CHROMIUM_PATH = process.env.CANOPY_TEST_CHROMIUM ?? "/usr/bin/chromium-headless-shell";

const LAUNCH_TIMEOUT_MS = 60_000;

/** Composed without a GPU: a page costs what it is large, which in Chromium's own size is as much as all else of it. */
export const SMALL_VIEWPORT = { width: 640, height: 400 };

export interface ChromiumOptions {
  /** More command-line switches, such as `--use-fake-device-for-media-stream`. */
  readonly args?: readonly string[];
  /** More of what `--disable-features` names. */
  readonly disabledFeatures?: readonly string[];
}

/** A running Chromium with an empty page server, so that pages have a secure loopback origin. */
export interface TestChromium extends AsyncDisposable {
  readonly browser: Browser;
  /** Origin of the empty page, `http://127.0.0.1:<port>`: a secure context, as WebTransport and WebCodecs want. */
  readonly origin: string;
  /** A new page in a new context, at `url` or on the empty page. Errors on it are collected in `errors`. */
  openPage(url?: string): Promise<TestPage>;
  close(): Promise<void>;
}

export interface TestPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Uncaught exceptions and console errors of the page, oldest first. */
  readonly errors: string[];
}

/** Starts a headless Chromium; the caller closes it (or uses `await using`). */
export async function launchChromium(options: ChromiumOptions = {}): Promise<TestChromium> {
  const pages = await listenEmptyPage();
  let browser: Browser;
  try {
    browser = await chromium.launch({
      executablePath: CHROMIUM_PATH,
      headless: true,
      timeout: LAUNCH_TIMEOUT_MS,
      args: [...chromiumSwitches(options.disabledFeatures), ...(options.args ?? [])],
    });
  } catch (cause) {
    pages.server.close();
    throw cause;
  }
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await browser.close();
      pages.server.closeAllConnections();
      await new Promise<void>((resolve) => pages.server.close(() => resolve()));
    })();
    return closing;
  };
  return {
    browser,
    origin: pages.origin,
    openPage: (url) => openPage(browser, url ?? pages.origin),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function openPage(browser: Browser, url: string): Promise<TestPage> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.stack ?? error.message));
  page.on("console", (message) => {
    if (message.type() === "error") {
      errors.push(message.text());
    }
  });
  await page.goto(url);
  return { page, context, errors };
}

async function listenEmptyPage(): Promise<{ server: Server; origin: string }> {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end("<!doctype html><title>test</title>");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") {
    throw new Error("the page server has no TCP address");
  }
  return { server, origin: `http://127.0.0.1:${address.port}` };
}
