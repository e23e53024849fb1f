import type { PlayerStats } from "@canopy/player";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openViewer } from "../harness/browser-viewer.ts";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { launchChromium, type TestChromium } from "../harness/chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import { bundleMoqPage, type MoqPage, openMoqPage } from "./moq-pages/open-moq-page.ts";

/**
 * What the page may offer (undefined: WebSocket alone), what is agreed, and the version that must come of it.
 * @moq/publish knows no lite-05, and over WebSocket it leaves the version to SETUP.
 */
interface Case {
  readonly offer: readonly string[] | undefined;
  readonly agreed: string;
  readonly version: string;
}

const CASES: readonly Case[] = [
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

describe("@moq/publish at the origin", () => {
  let canopy: CanopyDev;
  let chromium: TestChromium;
  let moqPage: MoqPage;

  beforeAll(async () => {
    moqPage = await bundleMoqPage("publishPage");
    canopy = await startCanopyDev({ edges: 1 });
    chromium = await launchChromium({ args: FAKE_CAMERA });
  });

  afterAll(async () => {
    await chromium?.close();
    await canopy?.stop();
  });

  it.each(CASES)("is played with its sound at an edge over $version, having offered $offer", async (one) => {
    const broadcast = `interop/${one.version}-${one.agreed}.hang`;
    const { page, context, errors } = await openMoqPage(chromium, moqPage, one.offer);
    await page.evaluate(([url, name]) => window.publishPage.start(url, name), [
      `${canopy.origin}/`,
      broadcast,
    ] as const);

    const viewer = await openViewer(chromium, {
      console: canopy.console,
      src: canopy.edges,
      broadcast,
      // Sound that nobody hears is not waited for.
      query: { muted: "false" },
    });
    await viewer.presents(60);
    let stats: PlayerStats | undefined;
    await waitFor(
      () =>
        `sound from ${JSON.stringify({ ...stats, presentedTimestampsUs: [] })}; errors: ${[...errors, ...viewer.errors].join("; ")}`,
      async () => {
        stats = await viewer.stats();
        return (await viewer.loudest()) > 0.01;
      },
    );
    expect(await page.evaluate(() => window.agreedProtocols)).toEqual([one.agreed]);
    expect(await page.evaluate(() => window.publishPage.version)).toBe(one.version);
    expect(stats).toMatchObject({ videoCodec: expect.stringMatching(/^avc1\./), audioCodec: "opus" });
    expect(stats?.width).toBeGreaterThan(0);
    await viewer.close();
    await context.close();
  });
});
