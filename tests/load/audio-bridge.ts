/**
 * What the audio bridge costs: streams of sound fed in real time into the thread that transcodes, in this process.
 * Prints CPU per stream, how many a core can carry, memory per stream, how busy the feeding loop is, and how old sound
 * is when it comes out, beyond the length of the source's own frames: `npm run bench -- audio-bridge [streams] [seconds]`.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import {
  DEFAULT_TRANSCODER_THREAD,
  startWorker,
  type TranscodeFormat,
  TranscoderThread,
} from "@canopy/origin";
import { createClock, createSilentLogger } from "@canopy/runtime";
import { encodeBursts, type ToneBursts } from "../../packages/origin/src/audio/tone-burst-suite.ts";
import { type Row, report } from "./report.ts";
import { Samples } from "./samples.ts";

const streams = Number(process.argv[2] ?? 20);
const seconds = Number(process.argv[3] ?? 10);
/** Encoders and buffers are at work before anything is measured. */
const WARM_UP_SECONDS = 2;
const PACE_MS = 5;
/** What the thread takes to load FFmpeg, and to open so many codecs, with room to spare. */
const LOAD_MS = 1_500;

interface Direction {
  readonly name: string;
  readonly source: Pick<ToneBursts, "encoder" | "sampleRate">;
  readonly frameMs: number;
  format(description: Uint8Array): TranscodeFormat;
}

const DIRECTIONS: readonly Direction[] = [
  {
    name: "AAC 44.1 kHz to Opus",
    source: { encoder: "aac", sampleRate: 44_100 },
    frameMs: 1_024 / 44.1,
    format: (description) => ({
      from: { codec: "aac", sampleRate: 44_100, channels: 2, description },
      to: { codec: "opus", channels: 2, bitrateBps: 128_000 },
    }),
  },
  {
    name: "AAC 48 kHz to Opus",
    source: { encoder: "aac", sampleRate: 48_000 },
    frameMs: 1_024 / 48,
    format: (description) => ({
      from: { codec: "aac", sampleRate: 48_000, channels: 2, description },
      to: { codec: "opus", channels: 2, bitrateBps: 128_000 },
    }),
  },
  {
    name: "Opus to AAC",
    source: { encoder: "libopus", sampleRate: 48_000 },
    frameMs: 20,
    format: () => ({
      from: { codec: "opus", sampleRate: 48_000, channels: 2, description: undefined },
      to: { codec: "aac", channels: 2, bitrateBps: 128_000 },
    }),
  },
];

const clock = createClock();

async function measure(direction: Direction): Promise<Row> {
  const total = WARM_UP_SECONDS + seconds;
  const encoded = await encodeBursts({
    ...direction.source,
    channels: 2,
    startUs: 0,
    seconds: total,
    signal: "music",
  });
  const thread = new TranscoderThread(DEFAULT_TRANSCODER_THREAD, {
    clock,
    logger: createSilentLogger(),
    startWorker,
  });
  // One stream first: FFmpeg and the thread themselves are not what a stream costs.
  thread.open(direction.format(encoded.description), { onFrame: () => {}, onFailed: () => {} })?.close();
  await delay(LOAD_MS);
  const before = process.memoryUsage().rss;
  const ageMs = new Samples();
  let measuring = false;
  let startUs = 0;
  const transcodings = Array.from({ length: streams }, () =>
    thread.open(direction.format(encoded.description), {
      onFrame: (timestampUs) => {
        if (measuring) ageMs.add((clock.nowUs() - timestampUs) / 1_000);
      },
      onFailed: (error) => {
        throw error;
      },
    }),
  );
  await delay(LOAD_MS);
  startUs = clock.nowUs();
  let next = 0;
  const feed = setInterval(() => {
    const nowUs = clock.nowUs();
    for (;;) {
      const frame = encoded.frames[next];
      // Live sound is there when its last sample has been heard.
      if (frame === undefined || startUs + frame.timestampUs + direction.frameMs * 1_000 > nowUs) break;
      next++;
      for (const transcoding of transcodings) transcoding?.push(startUs + frame.timestampUs, frame.payload);
    }
  }, PACE_MS);
  await delay(WARM_UP_SECONDS * 1_000);
  measuring = true;
  const cpu = process.cpuUsage();
  const loop = performance.eventLoopUtilization();
  const beganMs = performance.now();
  await delay((seconds - 1) * 1_000);
  const wallMs = performance.now() - beganMs;
  const used = process.cpuUsage(cpu);
  const { utilization } = performance.eventLoopUtilization(loop);
  const { rss } = process.memoryUsage();
  clearInterval(feed);
  await thread.close();
  const { queue, restart, undecodable, oversize } = thread.counters.dropped;
  const cpuShare = (used.user + used.system) / 1_000 / wallMs;
  return {
    direction: direction.name,
    streams,
    "CPU per stream %": (cpuShare / streams) * 100,
    "streams per core": Math.floor(streams / cpuShare),
    "feeding loop busy %": utilization * 100,
    "KB per stream": (rss - before) / 1e3 / streams,
    "age p50 ms": ageMs.percentile(0.5),
    "age p95 ms": ageMs.percentile(0.95),
    "added p50 ms": ageMs.percentile(0.5) - direction.frameMs,
    dropped: queue + restart + undecodable + oversize,
  };
}

const rows: Row[] = [];
for (const direction of DIRECTIONS) rows.push(await measure(direction));
report("audio-bridge", rows, { streams, seconds });
