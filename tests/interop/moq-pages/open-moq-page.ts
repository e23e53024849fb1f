import { join } from "node:path";
import { bundlePage } from "../../browser/player/bundle-page.ts";
import type { TestChromium, TestPage } from "../../harness/chromium.ts";
import { leaveOnlyWebSocket, offerProtocols } from "./offer-protocols.ts";

const ENTRIES = {
  watchPage: "watch-page.ts",
  publishPage: "publish-page.ts",
  netPage: "net-page.ts",
  rawPage: "raw-page.ts",
} as const;

/** A page's script in this folder, and the global that it leaves when it has run. */
export interface MoqPage {
  readonly script: string;
  readonly global: keyof typeof ENTRIES;
}

export async function bundleMoqPage(global: MoqPage["global"]): Promise<MoqPage> {
  return { script: await bundlePage(join(import.meta.dirname, ENTRIES[global])), global };
}

/** What the page may offer (undefined: WebSocket alone), what is agreed, and the version that must come of it. */
export interface OfferCase {
  readonly offer: readonly string[] | undefined;
  readonly agreed: string;
  readonly version: string;
}

/** Opens an empty page whose WebTransport offers only `offer` (undefined: it has none), and runs the script in it. */
export async function openMoqPage(
  chromium: Pick<TestChromium, "openPage">,
  { script, global }: MoqPage,
  offer: readonly string[] | undefined,
): Promise<TestPage> {
  const opened = await chromium.openPage();
  if (offer === undefined) await opened.page.evaluate(leaveOnlyWebSocket);
  else await opened.page.evaluate(offerProtocols, offer);
  await opened.page.addScriptTag({ content: script, type: "module" });
  // A module runs some time after it was added.
  await opened.page.waitForFunction((name) => name in window, global);
  return opened;
}
