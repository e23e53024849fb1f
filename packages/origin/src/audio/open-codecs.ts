import type { CodecContext } from "node-av/lib";
import { OriginError } from "../origin-error.ts";
import type { Ffmpeg } from "./load-ffmpeg.ts";
import { BRIDGE_SAMPLE_RATE, type SourceFormat, type TargetFormat } from "./transcode-format.ts";

/** Samples per channel in a frame of AAC-LC, which is also how far its encoder's output lags behind (priming). */
const AAC_BLOCK_SAMPLES = 1_024;
/** 20 ms, as in WebRTC. */
const OPUS_BLOCK_SAMPLES = 960;
/** Byte of an OpusHead (RFC 7845 §5.1) at which the encoder tells its delay, 16 bits little-endian. */
const PRE_SKIP_AT = 10;

/** An encoder and what has to be known of it to put times on its packets. */
export interface OpenEncoder {
  readonly context: CodecContext;
  readonly blockSamples: number;
  /** How much earlier the sound of a packet begins than the block with which it comes out. */
  readonly delaySamples: number;
  readonly planar: boolean;
}

/** @throws OriginError "bridge-failed" */
export function openDecoder(from: SourceFormat, ffmpeg: Ffmpeg): CodecContext {
  // FFmpeg's own decoders: their output is float, which is what both encoders take.
  const codec = ffmpeg.Codec.findDecoderByName(
    from.codec === "aac" ? ffmpeg.FF_DECODER_AAC : ffmpeg.FF_DECODER_OPUS,
  );
  if (!codec) throw new OriginError("bridge-failed", `This FFmpeg has no ${from.codec} decoder.`);
  const context = new ffmpeg.CodecContext();
  context.allocContext3(codec);
  context.sampleRate = from.sampleRate;
  if (from.channels <= 2) context.channelLayout = layoutOf(from.channels, ffmpeg);
  // The pre-skip of an OpusHead is for the start of a file: whoever joins in the middle loses sound by it. So the
  // header is given only where the decoder needs its mapping of channels.
  const isNeeded = from.codec === "aac" || from.channels > 2;
  if (isNeeded && from.description !== undefined) context.extraData = Buffer.from(from.description);
  open(context, codec, `the ${from.codec} decoder`);
  return context;
}

/** @throws OriginError "bridge-failed" */
export function openEncoder(to: TargetFormat, ffmpeg: Ffmpeg): OpenEncoder {
  const isOpus = to.codec === "opus";
  const codec = ffmpeg.Codec.findEncoderByName(isOpus ? ffmpeg.FF_ENCODER_LIBOPUS : ffmpeg.FF_ENCODER_AAC);
  if (!codec) throw new OriginError("bridge-failed", `This FFmpeg has no ${to.codec} encoder.`);
  const context = new ffmpeg.CodecContext();
  context.allocContext3(codec);
  context.sampleRate = BRIDGE_SAMPLE_RATE;
  context.sampleFormat = isOpus ? ffmpeg.AV_SAMPLE_FMT_FLT : ffmpeg.AV_SAMPLE_FMT_FLTP;
  context.channelLayout = layoutOf(to.channels, ffmpeg);
  context.bitRate = BigInt(to.bitrateBps);
  context.timeBase = new ffmpeg.Rational(1, BRIDGE_SAMPLE_RATE);
  if (isOpus) {
    context.setOption("application", "audio");
    context.setOption("frame_duration", "20");
    // Viewers over WebRTC have no use for peaks far above the rate that was asked for.
    context.setOption("vbr", "constrained");
  } else {
    context.setOption("aac_coder", "fast");
  }
  open(context, codec, `the ${to.codec} encoder`);
  const preSkip = context.extraData;
  return {
    context,
    blockSamples: isOpus ? OPUS_BLOCK_SAMPLES : AAC_BLOCK_SAMPLES,
    delaySamples: isOpus
      ? preSkip !== null && preSkip.length >= PRE_SKIP_AT + 2
        ? preSkip.readUInt16LE(PRE_SKIP_AT)
        : 0
      : AAC_BLOCK_SAMPLES,
    planar: !isOpus,
  };
}

function layoutOf(channels: number, ffmpeg: Ffmpeg) {
  return channels === 1 ? ffmpeg.AV_CHANNEL_LAYOUT_MONO : ffmpeg.AV_CHANNEL_LAYOUT_STEREO;
}

function open(context: CodecContext, codec: Parameters<CodecContext["open2Sync"]>[0], what: string): void {
  const opened = context.open2Sync(codec);
  if (opened >= 0) return;
  context.freeContext();
  throw new OriginError("bridge-failed", `In the bridge ${what} does not open (${opened}).`);
}
