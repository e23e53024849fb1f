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
  beforeAll(async () => {
    const start = async (): Promise<void> => {
      stage.dev = await startCanopyDev(options);
    };
    const launch = async (): Promise<void> => {
      stage.chromium = await launchChromium(browser);
    };
    await Promise.all([start(), launch()]);
  });
  afterAll(async () => {
    await stage.chromium?.close();
    await stage.dev?.stop();
  });
  return stage as DevInChromium;
}
