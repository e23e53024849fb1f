import type { TestChromium } from "./chromium.ts";

/** What a browser may lack, by the names of its constructors. */
export type BrowserFeature =
  | "WebTransport"
  | "WebSocket"
  | "VideoDecoder"
  | "AudioDecoder"
  | "RTCPeerConnection";

/** A Chromium whose pages find these features missing, as in a browser that never had them. */
export function withoutFeatures(chromium: TestChromium, features: readonly BrowserFeature[]): TestChromium {
  return {
    ...chromium,
    openPage: async (url) => {
      const opened = await chromium.openPage(url);
      await opened.page.addInitScript((names) => {
        for (const name of names) Reflect.deleteProperty(globalThis, name);
      }, features);
      return opened;
    },
  };
}
