import type { AVSampleFormat } from "node-av/constants";
import type { ChannelLayout, CodecContext, Packet } from "node-av/lib";
import { BroadcastError } from "./broadcast-error.ts";
import type { AudioFormat, EncodedPacket } from "./encoded-packet.ts";
import { FrameEncoder } from "./frame-encoder.ts";
import type { Ffmpeg } from "./load-ffmpeg.ts";

export interface AudioEncoderOptions {
  readonly codec: AudioFormat["codec"];
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  readonly bitrateBps: number;
}

/** Samples per channel in an AAC-LC frame, and in 20 ms of Opus. */
const BLOCK_SAMPLES = { aac: 1_024, opus: 960 } as const;

/** AAC-LC or Opus from blocks of so many samples. */
export class AudioEncoder extends FrameEncoder {
  readonly format: AudioFormat;
  /** Samples per channel that one block has. */
  readonly blockSamples: number;
  /** AAC takes a plane per channel, libopus the channels interleaved. */
  readonly sampleFormat: AVSampleFormat;
  readonly #isPlanar: boolean;
  readonly #samples: Float32Array;

  constructor(options: AudioEncoderOptions, ffmpeg: Ffmpeg) {
    super("the audio encoder", openContext(options, ffmpeg), ffmpeg);
    const isAac = options.codec === "aac";
    this.blockSamples = BLOCK_SAMPLES[options.codec];
    this.sampleFormat = sampleFormatOf(options, ffmpeg);
    this.#isPlanar = isAac;
    this.frame.format = this.sampleFormat;
    this.frame.sampleRate = options.sampleRate;
    this.frame.channelLayout = layoutOf(options, ffmpeg);
    this.frame.nbSamples = this.blockSamples;
    this.frame.timeBase = new ffmpeg.Rational(1, 1_000_000);
    this.frame.getBuffer(0);
    this.#samples = new Float32Array(this.blockSamples * options.channels);
    this.format = {
      codec: options.codec,
      sampleRate: options.sampleRate,
      channels: options.channels,
      bitrateBps: options.bitrateBps,
      audioSpecificConfig: Uint8Array.from((isAac ? this.context.extraData : undefined) ?? []),
    };
  }

  /** Encodes one block of one channel, which all channels get; copied before the call returns. */
  async encode(channel: Float32Array, timestampUs: number): Promise<EncodedPacket | undefined> {
    const samples = this.#samples;
    const { channels } = this.format;
    for (let at = 0; at < this.blockSamples; at++) {
      const sample = channel[at] ?? 0;
      for (let to = 0; to < channels; to++)
        samples[this.#isPlanar ? to * this.blockSamples + at : at * channels + to] = sample;
    }
    this.frame.makeWritable();
    this.frame.fromBuffer(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
    return this.encodeFrame(this.frame, timestampUs);
  }

  protected describe(packet: Packet): EncodedPacket {
    // The encoder's own timestamp: it counts back the block that it holds as look-ahead.
    const encodedUs = Number(packet.pts);
    return {
      kind: "audio",
      data: Uint8Array.from(packet.data ?? []),
      timestampUs: encodedUs,
      decodeTimestampUs: encodedUs,
      keyframe: true,
    };
  }
}

function sampleFormatOf({ codec }: AudioEncoderOptions, ffmpeg: Ffmpeg): AVSampleFormat {
  return codec === "aac" ? ffmpeg.AV_SAMPLE_FMT_FLTP : ffmpeg.AV_SAMPLE_FMT_FLT;
}

function layoutOf({ channels }: AudioEncoderOptions, ffmpeg: Ffmpeg): ChannelLayout {
  return channels === 1 ? ffmpeg.AV_CHANNEL_LAYOUT_MONO : ffmpeg.AV_CHANNEL_LAYOUT_STEREO;
}

function openContext(options: AudioEncoderOptions, ffmpeg: Ffmpeg): CodecContext {
  const isAac = options.codec === "aac";
  const codec = ffmpeg.Codec.findEncoderByName(isAac ? ffmpeg.FF_ENCODER_AAC : ffmpeg.FF_ENCODER_LIBOPUS);
  if (!codec) throw new BroadcastError("encoder_failed", `this FFmpeg has no ${options.codec} encoder`);
  const context = new ffmpeg.CodecContext();
  context.allocContext3(codec);
  context.sampleRate = options.sampleRate;
  context.sampleFormat = sampleFormatOf(options, ffmpeg);
  context.channelLayout = layoutOf(options, ffmpeg);
  context.bitRate = BigInt(options.bitrateBps);
  context.timeBase = new ffmpeg.Rational(1, 1_000_000);
  context.setFlags(ffmpeg.AV_CODEC_FLAG_GLOBAL_HEADER);
  if (isAac) context.setOption("aac_coder", "fast");
  const opened = context.open2Sync(codec);
  if (opened < 0)
    throw new BroadcastError("encoder_failed", `the ${options.codec} encoder does not open (${opened})`);
  return context;
}
