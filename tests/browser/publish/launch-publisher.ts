import { join } from "node:path";
import { launchChromium, type TestChromium } from "../../harness/chromium.ts";
import { bundlePage } from "../player/bundle-page.ts";

/** The publish page's script, and a Chromium that feigns a camera and a microphone for it. */
export async function launchPublisher(): Promise<[script: string, chromium: TestChromium]> {
  return Promise.all([
    bundlePage(join(import.meta.dirname, "publish-page.ts")),
    launchChromium({ args: ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"] }),
  ]);
}
