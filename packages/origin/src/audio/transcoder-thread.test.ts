import { createSilentLogger } from "@canopy/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OriginError } from "../origin-error.ts";
import { type RecordingWorker, recordWorkers } from "./recording-worker-suite.ts";
import type { TranscodeFormat } from "./transcode-format.ts";
import {
  DEFAULT_TRANSCODER_THREAD,
  TranscoderThread,
  type TranscoderThreadOptions,
} from "./transcoder-thread.ts";

const FORMAT: TranscodeFormat = {
  from: { codec: "aac", sampleRate: 48_000, channels: 2, description: undefined },
  to: { codec: "opus", channels: 2, bitrateBps: 128_000 },
};
const SOUND = new Uint8Array(100);

function createThread(options: Partial<TranscoderThreadOptions> = {}) {
  const time = { ms: 1_000_000 };
  const { workers, startWorker } = recordWorkers();
  const scheduled: (() => void)[] = [];
  const thread = new TranscoderThread(
    { ...DEFAULT_TRANSCODER_THREAD, ...options },
    {
      clock: { nowMs: () => time.ms, nowUs: () => time.ms * 1_000 },
      logger: createSilentLogger(),
      startWorker,
      schedule: (send) => scheduled.push(send),
    },
  );
  const flush = (): void => {
    for (const send of scheduled.splice(0)) send();
  };
  const newest = (): RecordingWorker => {
    const worker = workers.at(-1);
    if (worker === undefined) throw new Error("no thread was started");
    return worker;
  };
  return { thread, time, workers, flush, newest };
}

function open(thread: TranscoderThread) {
  const seen: number[] = [];
  const errors: OriginError[] = [];
  const transcoding = thread.open(FORMAT, {
    onFrame: (timestampUs) => seen.push(timestampUs),
    onFailed: (error) => errors.push(error),
  });
  if (transcoding === undefined) throw new Error("nothing can be transcoded");
  return { transcoding, seen, errors };
}

describe("TranscoderThread", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("starts no thread before somebody needs one, and sends what was pushed meanwhile when it is ready", () => {
    const { thread, workers, flush, newest } = createThread();
    expect(workers).toHaveLength(0);
    const { transcoding, seen } = open(thread);
    transcoding.push(10, SOUND);
    transcoding.push(20, SOUND);
    flush();
    expect(newest().log).toEqual([]);
    newest().ready();
    flush();
    expect(newest().log).toEqual(["open 1 aac 48000", "frames 1@10 1@20"]);
    newest().answer(1, 5, 15);
    expect(seen).toEqual([5, 15]);
    expect(thread.counters.frames["aac-opus"]).toBe(2);
    expect(thread.queuedBytes).toBe(0);
  });

  it("keeps two batches at the thread at most, and drops the oldest frames of a queue that is full", () => {
    const { thread, flush, newest } = createThread({ maxQueuedFrames: 3 });
    const { transcoding } = open(thread);
    newest().ready();
    for (const timestampUs of [1, 2]) {
      transcoding.push(timestampUs, SOUND);
      flush();
    }
    for (const timestampUs of [3, 4, 5, 6, 7]) transcoding.push(timestampUs, SOUND);
    flush();
    expect(newest().log.slice(1)).toEqual(["frames 1@1", "frames 1@2"]);
    newest().answer(1);
    flush();
    expect(newest().log.slice(3)).toEqual(["frames 1@5 1@6 1@7"]);
    expect(thread.counters.dropped.queue).toBe(2);
    expect(thread.queuedBytes).toBe(0);
  });

  it("takes from the longest queue when all of them together hold too much", () => {
    const { thread, flush, newest } = createThread({ maxQueuedBytes: 5 * 116 });
    const first = open(thread);
    const second = open(thread);
    for (const timestampUs of [1, 2, 3, 4]) first.transcoding.push(timestampUs, SOUND);
    for (const timestampUs of [1, 2]) second.transcoding.push(timestampUs, SOUND);
    expect(thread.queuedBytes).toBe(5 * 116);
    newest().ready();
    flush();
    expect(newest().log.slice(2)).toEqual(["frames 1@2 1@3 1@4 2@1 2@2"]);
    expect(thread.counters.dropped.queue).toBe(1);
  });

  it("takes no frame that is too large for sound", () => {
    const { thread } = createThread();
    open(thread).transcoding.push(1, new Uint8Array(20_000));
    expect(thread.counters.dropped.oversize).toBe(1);
    expect(thread.queuedBytes).toBe(0);
  });

  it("forgets a transcoding that is closed, and what still comes of it", () => {
    const { thread, flush, newest } = createThread();
    const { transcoding, seen } = open(thread);
    newest().ready();
    transcoding.push(1, SOUND);
    flush();
    transcoding.push(2, SOUND);
    transcoding.close();
    transcoding.close();
    newest().answer(1, 1);
    transcoding.push(3, SOUND);
    flush();
    expect(newest().log).toEqual(["open 1 aac 48000", "frames 1@1", "close 1"]);
    expect(seen).toEqual([]);
    expect(thread.counters.active["aac-opus"]).toBe(0);
    expect(thread.counters.dropped.queue).toBe(0);
    expect(thread.queuedBytes).toBe(0);
  });

  it("starts the thread again when it has died, with the transcodings that were on", () => {
    const { thread, workers, flush, newest } = createThread();
    const { transcoding, seen } = open(thread);
    newest().ready();
    transcoding.push(1, SOUND);
    flush();
    newest().events.onExit("exit code 1");
    expect(thread.counters.dropped.restart).toBe(1);
    transcoding.push(2, SOUND);
    vi.advanceTimersByTime(10_000);
    expect(workers).toHaveLength(2);
    newest().ready();
    flush();
    expect(newest().log).toEqual(["open 1 aac 48000", "frames 1@2"]);
    newest().answer(1, 2);
    expect(seen).toEqual([2]);
    expect(thread.counters.restarts).toBe(1);
  });

  it("ends a thread that gives no answer, and starts another", () => {
    const { thread, time, workers, flush, newest } = createThread({ stallMs: 5_000 });
    const { transcoding } = open(thread);
    newest().ready();
    transcoding.push(1, SOUND);
    flush();
    time.ms += 4_900;
    thread.tick(time.ms);
    expect(newest().ended).toBe(false);
    time.ms += 200;
    thread.tick(time.ms);
    expect(workers[0]?.ended).toBe(true);
    vi.advanceTimersByTime(10_000);
    expect(workers).toHaveLength(2);
  });

  it("gives up when the thread dies again and again", () => {
    const { thread, workers, newest } = createThread({ maxAttempts: 2 });
    const { errors } = open(thread);
    for (let death = 0; death < 3; death++) {
      newest().events.onExit("exit code 1");
      vi.advanceTimersByTime(10_000);
    }
    expect(workers).toHaveLength(3);
    expect(errors.map(({ code }) => code)).toEqual(["bridge-unavailable"]);
    expect(thread.problem?.code).toBe("bridge-unavailable");
  });

  it("tries no more where FFmpeg cannot be loaded", () => {
    const { thread, workers, newest } = createThread();
    const { errors, transcoding } = open(thread);
    transcoding.push(1, SOUND);
    newest().events.onMessage({ kind: "unavailable", reason: "no binary" });
    expect(errors[0]?.message).toContain("no binary");
    expect(newest().ended).toBe(true);
    expect(thread.open(FORMAT, { onFrame: () => {}, onFailed: () => {} })).toBeUndefined();
    expect(workers).toHaveLength(1);
    expect(thread.queuedBytes).toBe(0);
    expect(thread.counters.unavailable).toBe(1);
  });

  it("ends one transcoding that fails, and no other", () => {
    const { thread, newest } = createThread();
    const first = open(thread);
    const second = open(thread);
    newest().ready();
    newest().events.onMessage({ kind: "failed", id: 1, reason: "no decoder" });
    newest().answer(2, 7);
    expect(first.errors.map(({ code }) => code)).toEqual(["bridge-failed"]);
    expect(second.errors).toEqual([]);
    expect(second.seen).toEqual([7]);
    expect(thread.counters.active["aac-opus"]).toBe(1);
  });

  it("ends the thread when it has had no work for a while, and starts one for new work", () => {
    const { thread, time, workers, newest } = createThread({ idleMs: 60_000 });
    const { transcoding } = open(thread);
    newest().ready();
    transcoding.close();
    time.ms += 61_000;
    thread.tick(time.ms);
    expect(newest().ended).toBe(true);
    open(thread);
    expect(workers).toHaveLength(2);
    expect(thread.counters.restarts).toBe(0);
  });

  it("leaves nothing behind when it is closed", async () => {
    const { thread, newest } = createThread();
    const { transcoding } = open(thread);
    newest().ready();
    transcoding.push(1, SOUND);
    await thread.close();
    await thread.close();
    expect(newest().ended).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    expect(thread.queuedBytes).toBe(0);
    expect(thread.counters.dropped.restart).toBe(0);
    expect(thread.open(FORMAT, { onFrame: () => {}, onFailed: () => {} })).toBeUndefined();
  });
});
