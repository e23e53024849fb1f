import { describe, expect, it } from "vitest";
import { useDevInChromium } from "../harness/dev-in-chromium.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { percentile } from "../harness/percentile.ts";
import { postTimed } from "../harness/post-timed.ts";
import { waitFor } from "../harness/wait-for.ts";
import { WhepClient, WhepRefusal } from "../harness/whep-client.ts";
import { openWhepPage, type WhepPage } from "../harness/whep-page.ts";

const stage = useDevInChromium({ edges: 2, broadcaster: true });

const urlOf = (edge: number, broadcast: string): string => `${stage.dev.edges[edge]}/whep/${broadcast}`;

// Mostly waits for media that comes in real time: at once.
describe.concurrent("WHEP in Chromium", () => {
  it("shows the live picture of an RTMP publisher at two edges, with a cipher of AES-GCM", async () => {
    const pages = await Promise.all(
      [0, 1].map((edge) => openWhepPage(stage.chromium, urlOf(edge, "live/demo"))),
    );
    const watch = async (page: WhepPage): Promise<void> => {
      const shown: Awaited<ReturnType<typeof page.takeShown>>[number][] = [];
      await waitFor("pictures", async () => shown.push(...(await page.takeShown())) > 100, 60_000);
      // The publisher sends AAC: the origin bridges it.
      await waitFor("sound", async () => (await page.stats()).audioPackets > 150);
      const stats = await page.stats();
      const ages = shown.map(({ captureMs, seenMs }) => seenMs - captureMs);
      const frames = shown.map(({ frame }) => frame);
      expect(frames).toEqual([...frames].sort((left, right) => left - right));
      expect(percentile(ages, 0.5), JSON.stringify(stats)).toBeLessThan(1_000);
      expect(stats.srtpCipher).toContain("GCM");
      expect(stats.dtlsRole).toBe("client");
      // Sender reports carry media time, which is the wall clock at capture.
      expect(Math.abs(Date.now() - stats.playoutMs)).toBeLessThan(2_000);
    };
    await Promise.all(pages.map(watch));
    await Promise.all(pages.map((page) => page.close()));
  });

  it("gets timed messages on its data channel, each once", async () => {
    const page = await openWhepPage(stage.chromium, urlOf(0, "live/demo"));
    await waitFor("a picture", async () => (await page.takeShown()).length > 0);
    // Pictures can be there a moment before the track of messages is: who comes later gets later messages.
    await waitFor("a first message", async () => {
      await postTimed(stage.dev.origin, "live/demo", { type: "trial", data: null });
      await new Promise((resolve) => setTimeout(resolve, 200));
      return (await page.messages()).length > 0;
    });
    const ids: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      ids.push((await postTimed(stage.dev.origin, "live/demo", { type: "cue", data: index })).id);
    }
    const received = async (): Promise<string[]> => {
      const messages = (await page.messages()).map(
        (json) => JSON.parse(json) as { id: string; type: string },
      );
      return messages.filter(({ type }) => type === "cue").map(({ id }) => id);
    };
    let arrived: readonly string[] = [];
    await waitFor(
      () => `messages ${ids.map((id, index) => (arrived.includes(id) ? "" : index)).join(" ")}`,
      async () => {
        arrived = await received();
        return arrived.length >= ids.length;
      },
    );
    expect(await received()).toEqual(ids);
    await page.close();
  });
});

describe.concurrent("WHEP of what ffmpeg publishes", () => {
  it("plays H.264 at both edges", async () => {
    const clip = makeClip({ profile: "main", keyframeInterval: 60 });
    const publisher = publishWithFfmpeg(clip, `${stage.dev.rtmp}/live/clip`);
    await using _stop = { [Symbol.asyncDispose]: async () => void (await publisher.stop()) };
    const watch = async (edge: number): Promise<void> => {
      await using client = await playSoon(edge, "live/clip");
      await waitFor("pictures", () => client.pictures.length > 60);
      expect(client.pictures[0]?.isKeyframe).toBe(true);
    };
    await Promise.all([watch(0), watch(1)]);
  });

  it("refuses video with B-frames and says what to change", async () => {
    const publisher = publishWithFfmpeg(makeClip({ bFrames: 2 }), `${stage.dev.rtmp}/live/bframes`);
    await using _stop = { [Symbol.asyncDispose]: async () => void (await publisher.stop()) };
    const refused = await waitFor("a refusal", async () => {
      try {
        // Until the origin has seen the first ones, it is a broadcast like any other.
        await using _client = await WhepClient.play({ url: urlOf(0, "live/bframes") });
      } catch (error) {
        if (error instanceof WhepRefusal && error.status === 422) return error;
        throw error;
      }
      return undefined;
    });
    expect(refused.problem.type).toBe("urn:canopy:problem:b-frames");
  });
});

/** The announcement of a new broadcast takes a moment to reach an edge. */
function playSoon(edge: number, broadcast: string): Promise<WhepClient> {
  return waitFor(`${broadcast} at edge ${edge + 1}`, async () => {
    try {
      return await WhepClient.play({ url: urlOf(edge, broadcast) });
    } catch (error) {
      if (error instanceof WhepRefusal && (error.status === 404 || error.status === 503)) return undefined;
      throw error;
    }
  });
}
