import { beforeAll, describe, expect } from "vitest";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { takingTurns } from "../harness/taking-turns.ts";
import { waitFor } from "../harness/wait-for.ts";
import type { NetPublisherOptions } from "./moq-pages/net-publisher.ts";
import { bundleMoqPage, type MoqPage, openMoqPage } from "./moq-pages/open-moq-page.ts";
import { watchWithSound } from "./moq-pages/watch-with-sound.ts";

interface Case extends Omit<NetPublisherOptions, "path"> {
  readonly offer: readonly string[];
  readonly version: string;
}

const CASES: readonly Case[] = [
  { offer: ["moq-lite-05", "moq-lite-04"], version: "moq-lite-05", format: "annexb", time: "wall" },
  { offer: ["moq-lite-05"], version: "moq-lite-05", format: "avc", time: "page" },
  { offer: ["moq-lite-04"], version: "moq-lite-04", format: "avc", time: "wall" },
  { offer: [], version: "moq-lite-02", format: "annexb", time: "page" },
];

/** What two encoders, the jitter buffer and a busy machine may take. */
const MAX_LATENCY_MS = 5_000;
/** Between drawing the clock and taking the picture, plus a frame. */
const MAX_CLOCK_DIFFERENCE_MS = 150;

// Each draws, encodes and shows a picture.
const it = takingTurns(2);

describe.concurrent("a publisher made of @moq/net at the origin", () => {
  const stage = useDevInChromium({ edges: 1 });
  let moqPage: MoqPage;

  beforeAll(async () => {
    moqPage = await bundleMoqPage("netPage");
  });

  it.each(CASES)("is played at an edge: $version, $format, $time time", async (one) => {
    const { offer, version, format, time } = one;
    const broadcast = `interop/${version}-${format}-${time}`;
    const { page, context, errors } = await openMoqPage(stage.chromium, moqPage, offer);
    const agreed = await page.evaluate(([url, options]) => window.netPage.publish(url, options), [
      `${stage.dev.origin}/`,
      { path: broadcast, format, time },
    ] as const);
    expect(agreed).toBe(version);

    const { viewer, stats } = await watchWithSound(stage, { broadcast, errors, minLoudness: 0.1 });

    // The origin puts the message into the publisher's own frames, which stay decodable.
    const response = await fetch(`${stage.dev.origin}/v1/broadcasts/${broadcast}/timed`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "cue", data: { for: version }, delayMs: 1_000 }),
    });
    expect(response.status).toBe(202);
    const { id, at } = (await response.json()) as { readonly id: string; readonly at: number };
    const fired = await waitFor("the timed message", async () =>
      (await viewer.fired()).find((message) => message.id === id),
    );
    expect(fired).toMatchObject({ type: "cue", data: { for: version }, at });
    expect(fired.mediaTimeUs).toBeGreaterThanOrEqual(at);
    await viewer.presents(10);
    expect((await viewer.fired()).filter((message) => message.id === id)).toHaveLength(1);

    // The first picture is shown as a still, before its time has come.
    const painted = (await viewer.takePainted()).filter((clock) => clock.mediaTimeUs > 0);
    const late = painted.map((clock) => clock.seenMs - clock.captureMs);
    const off = painted.map((clock) => clock.mediaTimeUs / 1000 - clock.captureMs).sort((a, b) => a - b);
    expect(painted.length).toBeGreaterThan(20);
    expect(painted.map(({ frame }) => frame)).toEqual(
      painted.map(({ frame }) => frame).sort((a, b) => a - b),
    );
    expect(Math.max(...late)).toBeLessThan(MAX_LATENCY_MS);
    // Wall-clock time of a publisher is passed on as it is; its page may be late to take a picture now and then.
    if (time === "wall")
      expect(Math.abs(off[off.length >> 1] ?? Number.NaN)).toBeLessThan(MAX_CLOCK_DIFFERENCE_MS);
    expect(stats?.audioCodec).toBe("opus");
    await viewer.close();
    await context.close();
  });
});
