import { afterAll, beforeAll } from "vitest";
import { type CanopyDev, type CanopyDevOptions, startCanopyDev } from "./canopy-dev.ts";
import { type ChromiumOptions, launchChromium, type TestChromium } from "./chromium.ts";
import { publishTestPicture, type TestPictureOptions } from "./test-picture.ts";
import { untilAnnounced } from "./until-announced.ts";

/** Of the built-in broadcaster, or of `DevInChromiumOptions.picture`. */
export const DEMO_BROADCAST = "live/demo";

/** Both are there as soon as the first test runs. */
export interface DevInChromium {
  readonly dev: CanopyDev;
  readonly chromium: TestChromium;
}

export interface DevInChromiumOptions extends CanopyDevOptions {
  /** Is published as `DEMO_BROADCAST` in place of the built-in broadcaster's. */
  readonly picture?: TestPictureOptions;
}

/** `canopy dev` and a Chromium for all tests of a file, or of the `describe` that calls it. */
export function useDevInChromium(
  { picture, ...options }: DevInChromiumOptions,
  browser: ChromiumOptions = {},
): DevInChromium {
  const stage: { -readonly [K in keyof DevInChromium]?: DevInChromium[K] } = {};
  // At once: a tree comes up one process after the other, and leaves a core to the browser meanwhile.
  beforeAll(async () => {
    await settleAll([
      startCanopyDev({ ...options, ...publishing(picture) }).then(async (dev) => {
        stage.dev = dev;
        if (picture !== undefined) await untilAnnounced(dev.edges, DEMO_BROADCAST);
      }),
      launchChromium(browser).then((chromium) => {
        stage.chromium = chromium;
      }),
    ]);
  });
  afterAll(() => settleAll([stage.chromium?.close(), stage.dev?.stop()]));
  return stage as DevInChromium;
}

function publishing(picture: TestPictureOptions | undefined): Pick<CanopyDevOptions, "publish"> {
  if (picture === undefined) return {};
  return { publish: (rtmp) => publishTestPicture(`${rtmp}/${DEMO_BROADCAST}`, picture) };
}

/** As `Promise.all`, but whatever fails, the others are over as well: nothing is started behind the end of a test. */
async function settleAll(parts: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(parts)) {
    if (result.status === "rejected") throw result.reason;
  }
}
