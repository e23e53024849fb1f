import { afterAll, beforeAll } from "vitest";
import { type CanopyDev, type CanopyDevOptions, startCanopyDev } from "./canopy-dev.ts";
import { type ChromiumOptions, launchChromium, type TestChromium } from "./chromium.ts";

/** Both are there as soon as the first test runs. */
export interface DevInChromium {
  readonly dev: CanopyDev;
  readonly chromium: TestChromium;
}

/** `canopy dev` and a Chromium for all tests of a file, or of the `describe` that calls it. */
export function useDevInChromium(options: CanopyDevOptions, browser: ChromiumOptions = {}): DevInChromium {
  const stage: { -readonly [K in keyof DevInChromium]?: DevInChromium[K] } = {};
  // At once: a tree comes up one process after the other, and leaves a core to the browser meanwhile.
  beforeAll(async () => {
    await settleAll([
      startCanopyDev(options).then((dev) => {
        stage.dev = dev;
      }),
      launchChromium(browser).then((chromium) => {
        stage.chromium = chromium;
      }),
    ]);
  });
  afterAll(() => settleAll([stage.chromium?.close(), stage.dev?.stop()]));
  return stage as DevInChromium;
}

/** As `Promise.all`, but whatever fails, the others are over as well: nothing is started behind the end of a test. */
async function settleAll(parts: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(parts)) {
    if (result.status === "rejected") throw result.reason;
  }
}
