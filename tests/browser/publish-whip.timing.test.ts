import { type Catalog, parseCatalog } from "@canopy/media/catalog";
import { decodeLegacyFrame } from "@canopy/media/container";
import { isKeyframe, usesBFrames } from "@canopy/media/h264";
import { opusPacketDurationUs } from "@canopy/media/opus";
import { framePayload } from "@canopy/protocol";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestChromium } from "../harness/chromium.ts";
import { TestOrigin } from "../harness/origin.ts";
import { throughProxy, UdpProxy, withoutCandidates } from "../harness/udp-proxy.ts";
import { waitFor } from "../harness/wait-for.ts";
import { launchPublisher } from "./publish/launch-publisher.ts";

let chromium: TestChromium;
let script: string;

beforeAll(async () => {
  [script, chromium] = await launchPublisher();
});

afterAll(async () => {
  await chromium?.close();
});

interface ReceivedFrame {
  readonly group: number;
  readonly index: number;
  readonly timestampUs: number;
  readonly arrivalUs: number;
  readonly payload: Uint8Array;
}

function receive(origin: TestOrigin, path: string, track: string): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  let index = 0;
  origin.node.relay.store
    .get(path)
    ?.request(track)
    ?.subscribe({
      onGroup: () => {
        index = 0;
      },
      onFrame: (frame, group) => {
        const payload = Uint8Array.from(framePayload(frame));
        const { timestamp: timestampUs } = frame;
        const arrivalUs = Date.now() * 1000;
        frames.push({ group: group.sequence, index: index++, timestampUs, arrivalUs, payload });
      },
      onClosed: () => {},
    });
  return frames;
}

const codecBytes = (frame: ReceivedFrame): Uint8Array => decodeLegacyFrame(frame.payload).payload;

async function startPublishing(
  origin: TestOrigin,
  broadcast: string,
  options: {
    readonly source?: "camera" | "canvas";
    readonly audio?: false;
    /** Before the page asks for anything. */
    readonly prepare?: (page: Page) => Promise<void>;
  } = {},
): Promise<Page> {
  const { page } = await chromium.openPage();
  await options.prepare?.(page);
  await page.addScriptTag({ content: script, type: "module" });
  await page.waitForFunction(() => window.canopyPublisher !== undefined);
  await page.evaluate((start) => window.canopyPublisher.start(start), {
    url: origin.api,
    protocol: "whip" as const,
    broadcast,
    source: options.source ?? ("camera" as const),
    video: { width: 640, height: 360, fps: 20, bitrate: 800_000 },
    ...(options.audio === false && { audio: false as const }),
  });
  return page;
}

const states = (page: Page) => page.evaluate(() => window.canopyPublisher.states);
const errors = (page: Page) => page.evaluate(() => window.canopyPublisher.errors);
const stats = (page: Page) => page.evaluate(() => window.canopyPublisher.publisher?.stats());

async function waitUntilLive(origin: TestOrigin, path: string, page: Page): Promise<void> {
  try {
    await waitFor(`${path} to be live`, () => origin.node.relay.store.get(path)?.lingering === false, 20_000);
  } catch (cause) {
    throw new Error(JSON.stringify([await states(page), await errors(page)]), { cause });
  }
}

describe("publish by WHIP", () => {
  it.concurrent("sends a camera as H.264 without B-frames and Opus, with limits that change while it is live", async () => {
    await using origin = await TestOrigin.start({ webrtc: {} });
    const page = await startPublishing(origin, "live/camera");
    await waitUntilLive(origin, "live/camera", page);
    const catalogs = receive(origin, "live/camera", "catalog.json");
    const catalog = (): Catalog | undefined => {
      const last = catalogs.at(-1);
      return last && parseCatalog(last.payload);
    };
    await waitFor(
      "both kinds",
      () => catalog()?.video !== undefined && catalog()?.audio !== undefined,
      20_000,
    );
    const video = receive(origin, "live/camera", "video");
    const audio = receive(origin, "live/camera", "audio");
    await waitFor("pictures", () => video.length > 60, 30_000);
    await waitFor("sound", () => audio.length > 60, 30_000);
    expect(catalog()?.canopy?.publisher).toBe("whip");
    const [rendition] = Object.values(catalog()?.video?.renditions ?? {});
    expect(rendition?.codec).toMatch(/^avc1\.42/);
    expect(Object.values(catalog()?.audio?.renditions ?? {})[0]).toMatchObject({ codec: "opus" });
    for (const frame of video) {
      expect(isKeyframe(codecBytes(frame))).toBe(frame.index === 0);
      expect(usesBFrames(codecBytes(frame))).toBe(false);
      // A second for a busy machine; media time is that of capture, as far as the reports tell.
      expect(Math.abs(frame.arrivalUs - frame.timestampUs)).toBeLessThan(2_000_000);
    }
    for (const frame of audio) expect(opusPacketDurationUs(codecBytes(frame))).toBe(20_000);
    // An encoder that had to wait for the processor begins smaller.
    await waitFor("the whole picture", async () => (await stats(page))?.width === 640, 60_000);
    expect(await stats(page)).toMatchObject({ state: "live", width: 640, height: 360 });
    expect((await stats(page))?.codec).toMatch(/^avc1\.42/);
    expect((await stats(page))?.audioBytes).toBeGreaterThan(1_000);

    await page.evaluate(() =>
      window.canopyPublisher.publisher?.setVideo({ width: 320, height: 180, fps: 10 }),
    );
    await waitFor("the smaller picture", async () => (await stats(page))?.width === 320, 20_000);
    await waitFor(
      "its catalog",
      () => Object.values(catalog()?.video?.renditions ?? {})[0]?.codedWidth === 320,
      20_000,
    );

    await page.evaluate(() => window.canopyPublisher.publisher?.stop());
    await waitFor("the end", () => origin.node.relay.store.get("live/camera") === undefined, 5_000);
    expect(await states(page)).toEqual(["connecting", "live", "stopped"]);
    expect(await errors(page)).toEqual([]);
    await page.context().close();
  });

  it.concurrent("comes back by itself when the origin ends the session, and tells who is refused", async () => {
    await using origin = await TestOrigin.start({ webrtc: {} });
    const page = await startPublishing(origin, "live/again", { source: "canvas", audio: false });
    await waitUntilLive(origin, "live/again", page);
    const other = await startPublishing(origin, "live/again", { source: "canvas", audio: false });
    await waitFor("the refusal", async () => (await states(other)).at(-1) === "failed");
    expect((await errors(other)).at(-1)).toMatch(/^configuration: /);
    await other.context().close();
    await fetch(`${origin.api}/v1/broadcasts/live/again`, { method: "DELETE" });
    await waitFor("the loss", async () => (await states(page)).includes("reconnecting"), 15_000);
    await waitFor("the return", async () => (await states(page)).at(-1) === "live", 15_000);
    await waitFor(
      "its tracks",
      () => origin.node.relay.store.get("live/again")?.track("video") !== undefined,
    );
    const video = receive(origin, "live/again", "video");
    await waitFor("pictures again", () => video.length > 20, 20_000);
    expect((await stats(page))?.reconnects).toBe(1);
    await page.context().close();
  });

  it.concurrent("goes on by a new session when its path is dead and the origin restarts no ICE", async () => {
    await using origin = await TestOrigin.start({ webrtc: {} });
    const target = { host: "127.0.0.1", port: origin.webrtc?.port ?? 0 };
    await using proxy = await UdpProxy.listen({ target, seed: 1 });
    const requests: string[] = [];
    const prepare = async (page: Page): Promise<void> => {
      // With the browser's own addresses the origin would find a way around the proxy.
      await page.route("**/whip/**", async (route) => {
        const sent = route.request().postData();
        const response = await route.fetch(sent === null ? {} : { postData: withoutCandidates(sent) });
        const request = `${route.request().method()} ${response.status()}`;
        requests.push(request);
        const body = await response.text();
        await route.fulfill({ response, body: request === "POST 201" ? throughProxy(body, proxy) : body });
      });
    };
    const page = await startPublishing(origin, "live/dead", { source: "canvas", audio: false, prepare });
    await waitUntilLive(origin, "live/dead", page);
    const video = receive(origin, "live/dead", "video");
    await waitFor("pictures", () => video.length > 10, 20_000);
    const lastUs = video.at(-1)?.timestampUs ?? 0;
    for (const direction of ["toTarget", "toClient"] as const) proxy.setLink(direction, { lossRate: 1 });
    await waitFor("the loss", async () => (await states(page)).includes("reconnecting"), 20_000);
    // Before that the path would be found good again, and the page live in the session that it has.
    await waitFor("the refusal of the restart", () => requests.includes("PATCH 422"), 20_000);
    for (const direction of ["toTarget", "toClient"] as const) proxy.setLink(direction, { lossRate: 0 });
    await waitFor("the return", async () => (await states(page)).at(-1) === "live", 20_000);
    const posts = requests.filter((request) => request.startsWith("POST"));
    expect(requests.indexOf("PATCH 422")).toBeGreaterThan(requests.indexOf("POST 201"));
    expect(posts.length).toBeGreaterThan(1);
    expect(posts.at(-1)).toBe("POST 201");
    const again = receive(origin, "live/dead", "video");
    // What the store still has of before comes first.
    const isNew = (): boolean => (again.at(-1)?.timestampUs ?? 0) > lastUs + 500_000;
    await waitFor("pictures again", isNew, 20_000);
    await page.context().close();
  });

  it("shows how loud the source is before anything is sent", async () => {
    const { page } = await chromium.openPage();
    await page.addScriptTag({ content: script, type: "module" });
    await page.waitForFunction(() => window.canopyPublisher !== undefined);
    await page.evaluate(() => window.canopyPublisher.check());
    await waitFor("a level", () => page.evaluate(() => window.canopyPublisher.loudest > 0.2));
    await page.context().close();
  });
});
