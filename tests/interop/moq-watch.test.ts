import { beforeAll, describe, expect, it } from "vitest";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { waitFor } from "../harness/wait-for.ts";
import { bundleMoqPage, type MoqPage, type OfferCase, openMoqPage } from "./moq-pages/open-moq-page.ts";
import type { WatchReport } from "./moq-pages/watch-page.ts";

const NEW_CASES: readonly OfferCase[] = [
  {
    offer: ["moq-lite-05", "moq-lite-04", "moq-lite-03", "moql"],
    agreed: "moq-lite-05",
    version: "moq-lite-05",
  },
  { offer: ["moq-lite-04"], agreed: "moq-lite-04", version: "moq-lite-04" },
  { offer: ["moq-lite-03"], agreed: "moq-lite-03", version: "moq-lite-03" },
];
const OLD_CASES: readonly OfferCase[] = [
  { offer: ["moql"], agreed: "moql", version: "moq-lite-02" },
  { offer: [], agreed: "", version: "moq-lite-02" },
  { offer: undefined, agreed: "qmux-02.moq-lite-05", version: "moq-lite-05" },
];

const PAINTED_FRAMES = 30;
/** The broadcaster's tone has a root mean square of 0.25 or so; silence has none. */
const MIN_LOUDNESS = 0.05;
/** What the encoder, the tree and a busy machine may take. */
const MAX_LATENCY_MS = 5_000;

const stage = useDevInChromium({ edges: 1, broadcaster: true });
let moqPage: MoqPage;

beforeAll(async () => {
  moqPage = await bundleMoqPage("watchPage");
});

// Two at a time, each in a page of its own.

describe.concurrent.each([
  { age: "new", cases: NEW_CASES },
  { age: "old", cases: OLD_CASES },
])("@moq/watch at an edge, with $age versions", ({ cases }) => {
  it.sequential.each(cases)(
    "paints live/demo and plays its sound over $version, having offered $offer",
    async (one) => {
      const { page, context, errors } = await openMoqPage(stage.chromium, moqPage, one.offer);
      await page.evaluate((url) => window.watchPage.start(url, "live/demo"), `${stage.dev.edges[0]}/`);

      let report: WatchReport | undefined;
      await waitFor(
        () => `pictures and sound; last report ${JSON.stringify(report)}, errors ${errors.join("; ")}`,
        async () => {
          report = await page.evaluate(() => window.watchPage.report());
          return report.clocks.length >= PAINTED_FRAMES && report.loudness > MIN_LOUDNESS;
        },
      );
      expect(await page.evaluate(() => window.agreedProtocols)).toEqual([one.agreed]);
      expect(report?.version).toBe(one.version);
      expect(report?.status).toBe("live");
      expect(report?.audioCodec).toBe("mp4a.40.2");

      const clocks = report?.clocks ?? [];
      expect(clocks.every((clock) => clock.seenMs > clock.unixMs)).toBe(true);
      // A decoder that it makes anew (the catalog has changed) begins some frames back.
      const steps = clocks.slice(1).filter((clock, index) => clock.frame > (clocks[index]?.frame ?? 0));
      expect(steps.length).toBeGreaterThan(clocks.length * 0.9);
      const newest = clocks.at(-1);
      expect((newest?.seenMs ?? 0) - (newest?.unixMs ?? 0)).toBeLessThan(MAX_LATENCY_MS);
      expect(errors).toEqual([]);
      await context.close();
    },
  );
});
