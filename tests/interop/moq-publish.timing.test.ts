import { beforeAll, describe, expect } from "vitest";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { takingTurns } from "../harness/taking-turns.ts";
import { bundleMoqPage, type MoqPage, type OfferCase, openMoqPage } from "./moq-pages/open-moq-page.ts";
import { watchWithSound } from "./moq-pages/watch-with-sound.ts";

/** @moq/publish knows no lite-05, and over WebSocket it leaves the version to SETUP. */
const CASES: readonly OfferCase[] = [
  {
    offer: ["moq-lite-05", "moq-lite-04", "moq-lite-03", "moql"],
    agreed: "moq-lite-04",
    version: "moq-lite-04",
  },
  { offer: ["moq-lite-03"], agreed: "moq-lite-03", version: "moq-lite-03" },
  { offer: [], agreed: "", version: "moq-lite-02" },
  { offer: undefined, agreed: "qmux-01", version: "moq-lite-02" },
];

/** The camera and microphone that Chromium feigns: a picture that moves, and a beep every second. */
const FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

// Each encodes and shows a picture.
const it = takingTurns(2);

describe.concurrent("@moq/publish at the origin", () => {
  const stage = useDevInChromium({ edges: 1 }, { args: FAKE_CAMERA });
  let moqPage: MoqPage;

  beforeAll(async () => {
    moqPage = await bundleMoqPage("publishPage");
  });

  it.each(CASES)("is played with its sound at an edge over $version, having offered $offer", async (one) => {
    const broadcast = `interop/${one.version}-${one.agreed}.hang`;
    const { page, context, errors } = await openMoqPage(stage.chromium, moqPage, one.offer);
    await page.evaluate(([url, name]) => window.publishPage.start(url, name), [
      `${stage.dev.origin}/`,
      broadcast,
    ] as const);

    const { viewer, stats } = await watchWithSound(stage, { broadcast, errors, minLoudness: 0.01 });
    expect(await page.evaluate(() => window.agreedProtocols)).toEqual([one.agreed]);
    expect(await page.evaluate(() => window.publishPage.version)).toBe(one.version);
    expect(stats).toMatchObject({ videoCodec: expect.stringMatching(/^avc1\./), audioCodec: "opus" });
    expect(stats?.width).toBeGreaterThan(0);
    await viewer.close();
    await context.close();
  });
});
