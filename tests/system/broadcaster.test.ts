import { isKeyframe } from "@canopy/media/h264";
import { createSilentLogger } from "@canopy/runtime";
import { beforeAll, describe, expect, it } from "vitest";
import { type BroadcastOptions, runBroadcast } from "../../packages/cli/src/broadcast/index.ts";
import { PublishOrigin } from "../browser/publish/publish-origin.ts";
import { makeClip } from "../harness/ffmpeg.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import type { RecordedFrame } from "../harness/record-track.ts";
import { RtmpOrigin } from "../harness/rtmp-origin.ts";
import { waitFor } from "../harness/wait-for.ts";

const shortClip = () => makeClip({ seconds: 2, bFrames: 2 });
const SMALL = { width: 640, height: 360, fps: 30, gopSeconds: 1 };

function broadcast(options: BroadcastOptions): { readonly ended: Promise<void>; stop(): Promise<void> } {
  const abort = new AbortController();
  const ended = runBroadcast(options, { logger: createSilentLogger(), signal: abort.signal });
  // A failure shows when the test awaits it.
  ended.catch(() => {});
  return {
    ended,
    stop: async () => {
      abort.abort();
      await ended;
    },
  };
}

// Making it stops this process, which broadcasters and origins are in.
beforeAll(() => {
  shortClip();
});

async function waitForFrames(origin: RtmpOrigin, path: string, count: number): Promise<RecordedFrame[]> {
  await waitFor(
    `${path} to be published`,
    () => origin.store.get(path)?.track("video") !== undefined,
    20_000,
  );
  const frames = origin.record(path, "video");
  await waitFor(`${count} frames`, () => frames.length >= count, 20_000);
  return frames;
}

// Each `describe` runs beside the others, at origins of its own: most of it is waiting for media.

describe.concurrent("runBroadcast", () => {
  it.sequential("publishes picture and tone over RTMP, with a keyframe every second", async () => {
    await using origin = await RtmpOrigin.start();
    const running = broadcast({ ...SMALL, source: "test", to: `${origin.url}/live/demo` });
    const frames = await waitForFrames(origin, "live/demo", 70);
    expect(origin.catalog("live/demo")).toMatchObject({
      video: { renditions: { video: { codedWidth: 640, codedHeight: 360 } } },
      audio: { renditions: { audio: { sampleRate: 48_000, numberOfChannels: 2 } } },
    });
    const groups = new Map<number, number>();
    for (const { group } of frames) groups.set(group, (groups.get(group) ?? 0) + 1);
    // The first and the last group may be incomplete.
    expect([...groups.values()].slice(1, -1)).toEqual([...groups.values()].slice(1, -1).map(() => 30));
    await running.stop();
    await waitFor("the publisher to be gone", () => origin.server.connections === 0);
  });

  it.sequential("shows a token and puts the broadcast option in the place of the path", async () => {
    await using origin = await RtmpOrigin.start({ tokens: ["secret"] });
    const running = broadcast({
      ...SMALL,
      source: "test",
      to: origin.url,
      broadcast: "live/x",
      token: "secret",
    });
    await waitForFrames(origin, "live/x", 5);
    await running.stop();
  });

  it.sequential("comes back by itself when the origin restarts", async () => {
    const port = await findFreePorts(1);
    const first = await RtmpOrigin.start({ server: { port } });
    const running = broadcast({ ...SMALL, source: "test", to: `rtmp://127.0.0.1:${port}/live/demo` });
    await waitForFrames(first, "live/demo", 5);
    await first[Symbol.asyncDispose]();
    await using second = await RtmpOrigin.start({ server: { port } });
    await waitForFrames(second, "live/demo", 5);
    await running.stop();
  });

  it.sequential("waits for an origin that is not there yet", async () => {
    const port = await findFreePorts(1);
    const running = broadcast({ ...SMALL, source: "test", to: `rtmp://127.0.0.1:${port}/live/demo` });
    await using origin = await RtmpOrigin.start({ server: { port } });
    await waitForFrames(origin, "live/demo", 5);
    await running.stop();
  });

  it.sequential.each([
    [{ source: "test", to: "ftp://127.0.0.1/x" }, "bad_target"],
    [{ source: "test", to: "rtmp://127.0.0.1/live" }, "bad_target"],
    [{ source: "test", to: "https://127.0.0.1:1" }, "bad_target"],
    [{ source: "test", to: "http://127.0.0.1:1/live/x" }, "bad_target"],
    [{ source: "test", to: "rtmp://127.0.0.1/live/x", width: 641 }, "bad_option"],
    [{ source: "/nonexistent.mp4", to: "rtmp://127.0.0.1:1/live/x" }, "source_unreadable"],
  ])("refuses %o with %s", async (options, code) => {
    await expect(broadcast(options).ended).rejects.toMatchObject({ name: "BroadcastError", code });
  });
});

describe.concurrent("runBroadcast to its end", () => {
  it.sequential("repeats a file with B-frames untouched", async () => {
    await using origin = await RtmpOrigin.start();
    const source = shortClip();
    const running = broadcast({ source, to: `${origin.url}/live/file` });
    const frames = await waitForFrames(origin, "live/file", 90);
    expect(origin.catalog("live/file")?.canopy?.bFrames).toBe(true);
    // Three seconds of a file of two: it was started over.
    const times = frames.map((frame) => frame.timestampUs).sort((a, b) => a - b);
    // The last pictures may still wait for those before them.
    const gaps = times.slice(1, -4).map((time, index) => time - (times[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(80_000);
    await running.stop();
  });

  it.sequential("ends by itself after its duration", async () => {
    await using origin = await RtmpOrigin.start();
    const running = broadcast({
      ...SMALL,
      source: "test",
      to: `${origin.url}/live/demo`,
      durationSeconds: 1,
    });
    await running.ended;
  });
});

describe.concurrent("runBroadcast to a MoQ target", () => {
  it.sequential("publishes Annex B and AAC in groups, and ends the broadcast when it stops", async () => {
    await using origin = await PublishOrigin.start();
    const running = broadcast({
      ...SMALL,
      source: "test",
      to: `https://127.0.0.1:${origin.port}`,
      broadcast: "live/moq",
    });
    await waitFor("live/moq to be live", () => origin.isLive("live/moq"), 20_000);
    const catalogs = origin.receive("live/moq", "catalog.json");
    const video = origin.receive("live/moq", "video");
    const audio = origin.receive("live/moq", "audio");
    await waitFor("two seconds of video", () => video.length > 60 && audio.length > 60, 20_000);
    expect(PublishOrigin.catalogOf(catalogs[0])).toMatchObject({
      video: { renditions: { video: { codedWidth: 640, codedHeight: 360 } } },
      audio: { renditions: { audio: { codec: "mp4a.40.2", description: expect.stringMatching(/^1190/) } } },
    });
    for (const frame of video) {
      expect(isKeyframe(PublishOrigin.codecBytes(frame))).toBe(frame.index === 0);
    }
    await running.stop();
    // An announced end, not a lost session: the store would keep that for five seconds.
    await waitFor("the broadcast to end", () => origin.node.store.get("live/moq") === undefined, 3_000);
  });
});
