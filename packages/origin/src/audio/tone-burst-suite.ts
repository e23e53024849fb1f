import type { CodecContext, Frame } from "node-av/lib";
import { type Ffmpeg, loadFfmpeg } from "./load-ffmpeg.ts";

/** A frame as it would come from a publisher, or go to a viewer. */
export interface TimedFrame {
  readonly timestampUs: number;
  readonly payload: Uint8Array;
}

/** Sound in which each half second begins with a burst of a tone, so that its time can be read off what is decoded. */
export interface ToneBursts {
  readonly encoder: "aac" | "libopus";
  readonly sampleRate: number;
  readonly channels: 1 | 2 | 6;
  readonly startUs: number;
  readonly seconds: number;
  /** Of Opus. */
  readonly frameMs?: number;
  /** "music" is sound without silence, which costs an encoder what real sound does. */
  readonly signal?: "bursts" | "music";
}

export interface EncodedBursts {
  readonly frames: readonly TimedFrame[];
  /** AudioSpecificConfig, or OpusHead. */
  readonly description: Uint8Array;
}

export const BURST_EVERY_US = 500_000;
const BURST_SECONDS = 0.1;
const TONE_HZ = 1_000;
/** Half of the burst's height: where its beginning is taken to be. */
const THRESHOLD = 0.15;
const GAIN = 0.4;

/** Encodes bursts that begin at whole half seconds after `startUs`, with the times that decode to them. */
export async function encodeBursts(bursts: ToneBursts): Promise<EncodedBursts> {
  const ffmpeg = await loadFfmpeg();
  const { sampleRate, startUs } = bursts;
  const context = openEncoder(bursts, ffmpeg);
  const frame = openFrame(context, ffmpeg);
  const packet = new ffmpeg.Packet();
  packet.alloc();
  const frames: TimedFrame[] = [];
  const blocks = Math.floor((bursts.seconds * sampleRate) / context.frameSize);
  for (let block = 0; block < blocks; block++) {
    const first = block * context.frameSize;
    frame.makeWritable();
    fill(frame, first, bursts);
    frame.pts = BigInt(first);
    context.sendFrameSync(frame);
    while (context.receivePacketSync(packet) >= 0) {
      // The encoder's own times count back what it holds.
      const timestampUs = startUs + Math.round((Number(packet.pts) * 1e6) / sampleRate);
      frames.push({ timestampUs, payload: Uint8Array.from(packet.data ?? []) });
      packet.unref();
    }
  }
  const description = Uint8Array.from(context.extraData ?? []);
  packet.free();
  frame.free();
  context.freeContext();
  return { frames, description };
}

/** Media times at which bursts begin in what is decoded, µs. */
export async function findBursts(
  codec: "aac" | "opus",
  frames: readonly TimedFrame[],
  description?: Uint8Array,
): Promise<number[]> {
  const ffmpeg = await loadFfmpeg();
  const decoder = ffmpeg.Codec.findDecoderByName(
    codec === "aac" ? ffmpeg.FF_DECODER_AAC : ffmpeg.FF_DECODER_OPUS,
  );
  const context = new ffmpeg.CodecContext();
  context.allocContext3(decoder as Parameters<CodecContext["allocContext3"]>[0]);
  context.sampleRate = 48_000;
  if (description !== undefined) context.extraData = Buffer.from(description);
  context.open2Sync(decoder);
  const decoded = new ffmpeg.Frame();
  decoded.alloc();
  const packet = new ffmpeg.Packet();
  packet.alloc();
  const onsets: number[] = [];
  let loudUntilUs = Number.NEGATIVE_INFINITY;
  for (const { timestampUs, payload } of frames) {
    packet.data = Buffer.from(payload);
    context.sendPacketSync(packet);
    packet.unref();
    while (context.receiveFrameSync(decoded) >= 0) {
      const plane = decoded.extendedData?.[0];
      const { nbSamples, sampleRate } = decoded;
      for (let index = 0; plane !== undefined && index < nbSamples; index++) {
        if (Math.abs(plane.readFloatLE(index * 4)) < THRESHOLD) continue;
        const mediaUs = timestampUs + (index * 1e6) / sampleRate;
        // A burst goes on as long as the tone is never quiet for more than some periods.
        if (mediaUs > loudUntilUs) onsets.push(mediaUs);
        loudUntilUs = mediaUs + 50_000;
      }
      decoded.unref();
    }
  }
  packet.free();
  decoded.free();
  context.freeContext();
  return onsets;
}

function openEncoder(bursts: ToneBursts, ffmpeg: Ffmpeg): CodecContext {
  const { sampleRate, channels } = bursts;
  const codec = ffmpeg.Codec.findEncoderByName(bursts.encoder as typeof ffmpeg.FF_ENCODER_AAC);
  if (!codec) throw new Error(`this FFmpeg has no ${bursts.encoder}`);
  const context = new ffmpeg.CodecContext();
  context.allocContext3(codec);
  context.sampleRate = sampleRate;
  context.sampleFormat = bursts.encoder === "aac" ? ffmpeg.AV_SAMPLE_FMT_FLTP : ffmpeg.AV_SAMPLE_FMT_FLT;
  const layouts = {
    1: ffmpeg.AV_CHANNEL_LAYOUT_MONO,
    2: ffmpeg.AV_CHANNEL_LAYOUT_STEREO,
    6: ffmpeg.AV_CHANNEL_LAYOUT_5POINT1_BACK,
  };
  context.channelLayout = layouts[channels];
  context.bitRate = BigInt(48_000 * channels);
  context.timeBase = new ffmpeg.Rational(1, sampleRate);
  context.setFlags(ffmpeg.AV_CODEC_FLAG_GLOBAL_HEADER);
  if (bursts.frameMs !== undefined) context.setOption("frame_duration", String(bursts.frameMs));
  const opened = context.open2Sync(codec);
  if (opened < 0) throw new Error(`${bursts.encoder} does not open (${opened})`);
  return context;
}

function openFrame(context: CodecContext, ffmpeg: Ffmpeg): Frame {
  const frame = new ffmpeg.Frame();
  frame.alloc();
  frame.format = context.sampleFormat;
  frame.sampleRate = context.sampleRate;
  frame.channelLayout = context.channelLayout;
  frame.nbSamples = context.frameSize;
  frame.getBuffer(0);
  return frame;
}

function fill(frame: Frame, first: number, { sampleRate, channels, signal }: ToneBursts): void {
  const planes = frame.extendedData ?? [];
  const planar = planes.length === channels && channels > 1;
  for (let index = 0; index < frame.nbSamples; index++) {
    for (let channel = 0; channel < channels; channel++) {
      const value =
        signal === "music" ? music(first + index, channel, sampleRate) : burst(first + index, sampleRate);
      const plane = planes[planar ? channel : 0];
      plane?.writeFloatLE(value, (planar ? index : index * channels + channel) * 4);
    }
  }
}

function burst(sample: number, sampleRate: number): number {
  const every = (BURST_EVERY_US * sampleRate) / 1e6;
  const since = sample % every;
  if (sample < every || since >= BURST_SECONDS * sampleRate) return 0;
  // A cosine begins at its height, so the onset is a single sample.
  return GAIN * Math.cos((2 * Math.PI * TONE_HZ * since) / sampleRate);
}

/** Partials that come and go, different in each channel, over noise that repeats. */
function music(sample: number, channel: number, sampleRate: number): number {
  const seconds = sample / sampleRate;
  let value = 0;
  for (let partial = 1; partial <= 8; partial++) {
    const loudness = 0.5 + 0.5 * Math.sin(seconds * (0.7 * partial + channel));
    value += (loudness / partial) * Math.sin(2 * Math.PI * (220 + 3 * channel) * partial * seconds);
  }
  const noise = (((sample * 2_654_435_761 + channel * 40_503) >>> 8) & 0xff) / 255 - 0.5;
  return 0.2 * value + 0.03 * noise;
}
