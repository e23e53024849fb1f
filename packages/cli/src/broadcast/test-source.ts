import { DropLog, type Logger } from "@canopy/runtime";
import { AudioEncoder } from "./audio-encoder.ts";
import type { AudioFormat, OpenSink } from "./encoded-packet.ts";
import { H264Encoder } from "./h264-encoder.ts";
import { loadFfmpeg } from "./load-ffmpeg.ts";
import { sleep } from "./sleep.ts";
import { TestPicture } from "./test-picture.ts";
import { fillTestTone } from "./test-tone.ts";

const SAMPLE_RATE = 48_000;
const CHANNELS = 2;
const AUDIO_BITRATE_BPS = 96_000;
/** When this process was kept from running for longer, frames are left out instead of sent in a burst. */
const MAX_LATE_MS = 150;

export interface TestSourceOptions {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly gopSeconds: number;
  readonly videoBitrateBps: number;
  readonly audio: boolean;
  readonly audioCodec: AudioFormat["codec"];
  readonly title: string;
  /** Ends after this time; undefined = never. */
  readonly durationMs: number | undefined;
}

export interface TestSourceDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly openSink: OpenSink;
  /** Wall clock, ms since the Unix epoch, with a fraction. */
  readonly nowMs: () => number;
}

/** Draws and encodes the test picture and tone in real time until the signal or the end of its duration. */
export async function runTestSource(options: TestSourceOptions, deps: TestSourceDeps): Promise<void> {
  const ffmpeg = await loadFfmpeg();
  const video = new H264Encoder(
    {
      width: options.width,
      height: options.height,
      framerate: options.fps,
      bitrateBps: options.videoBitrateBps,
      gopFrames: Math.max(1, Math.round(options.gopSeconds * options.fps)),
    },
    ffmpeg,
  );
  const audio = options.audio
    ? new AudioEncoder(
        {
          codec: options.audioCodec,
          sampleRate: SAMPLE_RATE,
          channels: CHANNELS,
          bitrateBps: AUDIO_BITRATE_BPS,
        },
        ffmpeg,
      )
    : undefined;
  const blockMs = ((audio?.blockSamples ?? 0) * 1000) / SAMPLE_RATE;
  const picture = new TestPicture(options);
  const samples = new Float32Array(audio?.blockSamples ?? 0);
  const sink = deps.openSink({ video: video.format, audio: audio?.format });
  const startMs = performance.now();
  const frameMs = 1000 / options.fps;
  let frame = 0;
  let block = 0;
  const skipped = new DropLog({ message: "the machine is too busy, frames left out" }, deps);
  try {
    while (!deps.signal.aborted) {
      // A block of sound is complete when its last sample has been "heard".
      const frameDueMs = startMs + frame * frameMs;
      const blockDueMs = audio ? startMs + (block + 1) * blockMs : Number.POSITIVE_INFINITY;
      const dueMs = Math.min(frameDueMs, blockDueMs);
      if (options.durationMs !== undefined && dueMs - startMs >= options.durationMs) break;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0.5) await sleep(waitMs, deps.signal);
      if (deps.signal.aborted) break;
      const lateMs = Math.max(0, performance.now() - dueMs);
      // The frame is captured when it was due, not when the timer got its turn: the spacing stays even.
      const capturedMs = deps.nowMs() - lateMs;
      if (lateMs > MAX_LATE_MS) {
        const late = Math.floor(lateMs / frameMs);
        frame += late;
        if (audio) block += Math.floor(lateMs / blockMs);
        skipped.drop("late", late);
        continue;
      }
      if (audio && blockDueMs <= frameDueMs) {
        const blockStartMs = capturedMs - blockMs;
        fillTestTone(samples, blockStartMs, SAMPLE_RATE);
        block++;
        const packet = await audio.encode(samples, Math.round(blockStartMs * 1000));
        if (packet) sink.write(packet);
      } else {
        const pixels = picture.draw(capturedMs, frame);
        frame++;
        const packet = await video.encode(pixels, Math.round(capturedMs * 1000));
        if (packet) sink.write(packet);
      }
    }
  } finally {
    skipped.close();
    await sink.close();
    video.close();
    audio?.close();
  }
}
