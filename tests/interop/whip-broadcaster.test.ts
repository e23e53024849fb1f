import { runBroadcast } from "@canopy/cli/broadcast";
import { opusPacketDurationUs } from "@canopy/media/opus";
import { createClock, createSilentLogger } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { makeClip } from "../harness/ffmpeg.ts";
import { TestOrigin } from "../harness/origin.ts";
import { type RecordedFrame, recordTrack } from "../harness/record-track.ts";
import { waitFor } from "../harness/wait-for.ts";

const PATH = "live/broadcaster";
const clock = createClock();
const startOrigin = (): Promise<TestOrigin> => TestOrigin.start({ webrtc: {} });

/** Runs the built-in broadcaster until the test is over. */
function broadcast(origin: TestOrigin, source: string): { readonly stop: () => Promise<void> } {
  const controller = new AbortController();
  const options = { source, to: `${origin.api}/whip/x`, broadcast: PATH, width: 320, height: 180, fps: 25 };
  const running = runBroadcast(options, { logger: createSilentLogger(), signal: controller.signal });
  const stop = async (): Promise<void> => {
    controller.abort();
    await running;
  };
  origin.own({ [Symbol.asyncDispose]: stop });
  return { stop };
}

async function record(origin: TestOrigin): Promise<{ video: RecordedFrame[]; audio: RecordedFrame[] }> {
  const { store } = origin.node;
  await waitFor("the tracks", () => ["video", "audio"].every((name) => store.get(PATH)?.track(name)?.latest));
  const of = (name: string): RecordedFrame[] => recordTrack({ store, clock }, PATH, name);
  const frames = { video: of("video"), audio: of("audio") };
  await waitFor("three seconds", () => frames.video.length >= 75 && frames.audio.length >= 150);
  return frames;
}

/** Two seconds of pictures, one of sound. */
const SETTLED_FRAMES = 50;

function stepsOf(frames: readonly RecordedFrame[]): number[] {
  return frames.slice(1).map(({ timestampUs }, at) => timestampUs - (frames[at]?.timestampUs ?? 0));
}

/**
 * Frames at even steps, none back. The first reports of a publisher whose frames came late let his clock run slower or
 * faster until it is right, and the encoder of a busy machine leaves pictures out.
 */
async function expectSteady(frames: readonly RecordedFrame[], stepUs: number): Promise<void> {
  let speed = Number.NaN;
  await waitFor(
    () => `a steady clock, not ${speed} of its speed`,
    () => {
      const steps = stepsOf(frames.slice(-SETTLED_FRAMES)).sort((left, right) => left - right);
      speed = (steps[steps.length >> 1] ?? Number.NaN) / stepUs;
      return Math.abs(speed - 1) < 0.05;
    },
  );
  expect(Math.min(...stepsOf(frames))).toBeGreaterThan(0);
}

// Each at an origin of its own.
describe.concurrent("canopy broadcast --to …/whip/…", () => {
  it("publishes the test picture and tone, a keyframe every second, and ends its session", async () => {
    await using origin = await startOrigin();
    const { stop } = broadcast(origin, "test");
    const { video, audio } = await record(origin);
    await expectSteady(video, 40_000);
    await expectSteady(audio, 20_000);
    expect(audio.every(({ payload }) => opusPacketDurationUs(payload) === 20_000)).toBe(true);
    expect(new Set(video.map(({ group }) => group)).size).toBeGreaterThanOrEqual(3);
    expect(origin.node.registry.get(PATH)?.describe()).toMatchObject({ publisher: { protocol: "whip" } });
    // Captured and published on one machine: what is told by sender reports is the time on its wall.
    // Of the pictures that a busy machine held up least.
    const ages = video.slice(-25).map(({ arrivalUs, timestampUs }) => arrivalUs - timestampUs);
    expect(Math.abs(Math.min(...ages))).toBeLessThan(500_000);
    await stop();
    await waitFor("the end of the broadcast", () => origin.node.registry.get(PATH) === undefined, 5_000);
  });

  it("makes of a file with B-frames and AAC what WebRTC carries", async () => {
    await using origin = await startOrigin();
    broadcast(origin, makeClip({ seconds: 5, fps: 25, bFrames: 2, size: "320x180" }));
    const { video, audio } = await record(origin);
    await expectSteady(video, 40_000);
    await expectSteady(audio, 20_000);
    expect(origin.node.registry.get(PATH)?.describe()).toMatchObject({ bFrames: false });
  });

  it("comes back when the server has ended its session", async () => {
    await using origin = await startOrigin();
    broadcast(origin, "test");
    await record(origin);
    expect(origin.node.registry.kick(PATH)).toBe(true);
    await waitFor("the broadcast again", () => origin.node.registry.get(PATH)?.connected);
    await record(origin);
  });
});
