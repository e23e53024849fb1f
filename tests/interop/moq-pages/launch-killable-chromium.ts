import { chromium } from "playwright-core";
import { CHROMIUM_PATH, type TestChromium } from "../../harness/chromium.ts";
import { chromiumSwitches } from "../../harness/chromium-switches.ts";

/** A browser of its own beside the tests' one, that can be lost without a word. */
export interface KillableChromium {
  /** Opens pages on the empty page of the tests' browser. */
  readonly openPage: TestChromium["openPage"];
  /** Kills all its processes at once: nobody is left to close a connection. Idempotent. */
  kill(): void;
}

export async function launchKillableChromium(beside: TestChromium): Promise<KillableChromium> {
  const server = await chromium.launchServer({
    executablePath: CHROMIUM_PATH,
    headless: true,
    args: chromiumSwitches(),
  });
  // Playwright starts the browser as the leader of a process group.
  const { pid } = server.process();
  let alive = true;
  const kill = (): void => {
    if (alive && pid !== undefined) process.kill(-pid, "SIGKILL");
    alive = false;
  };
  try {
    const browser = await chromium.connect(server.wsEndpoint());
    return {
      openPage: async (url) => {
        const context = await browser.newContext();
        const page = await context.newPage();
        await page.goto(url ?? beside.origin);
        return { page, context, errors: [] };
      },
      kill,
    };
  } catch (cause) {
    kill();
    throw cause;
  }
}
