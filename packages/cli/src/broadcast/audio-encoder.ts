import type { AVSampleFormat } from "node-av/constants";
import type { CodecContext, Frame, Packet } from "node-av/lib";
import { BroadcastError } from "./broadcast-error.ts";
import type { AudioFormat, EncodedPacket } from "./encoded-packet.ts";
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
export class AudioEncoder {
  readonly format: AudioFormat;
  /** Samples per channel that one block has. */
  readonly blockSamples: number;
  /** AAC takes a plane per channel, libopus the channels interleaved. */
  readonly sampleFormat: AVSampleFormat;
  readonly #isPlanar: boolean;
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packet: Packet;
  readonly #samples: Float32Array;
  #closed = false;

  constructor(options: AudioEncoderOptions, ffmpeg: Ffmpeg) {
    const isAac = options.codec === "aac";
    const codec = ffmpeg.Codec.findEncoderByName(isAac ? ffmpeg.FF_ENCODER_AAC : ffmpeg.FF_ENCODER_LIBOPUS);
    if (!codec) throw new BroadcastError("encoder_failed", `this FFmpeg has no ${options.codec} encoder`);
    this.blockSamples = BLOCK_SAMPLES[options.codec];
    this.sampleFormat = isAac ? ffmpeg.AV_SAMPLE_FMT_FLTP : ffmpeg.AV_SAMPLE_FMT_FLT;
    this.#isPlanar = isAac;
    const layout = options.channels === 1 ? ffmpeg.AV_CHANNEL_LAYOUT_MONO : ffmpeg.AV_CHANNEL_LAYOUT_STEREO;
    const context = new ffmpeg.CodecContext();
    context.allocContext3(codec);
    context.sampleRate = options.sampleRate;
    context.sampleFormat = this.sampleFormat;
    context.channelLayout = layout;
    context.bitRate = BigInt(options.bitrateBps);
    context.timeBase = new ffmpeg.Rational(1, 1_000_000);
    context.setFlags(ffmpeg.AV_CODEC_FLAG_GLOBAL_HEADER);
    if (isAac) context.setOption("aac_coder", "fast");
    const opened = context.open2Sync(codec);
    if (opened < 0)
      throw new BroadcastError("encoder_failed", `the ${options.codec} encoder does not open (${opened})`);
    this.#context = context;
    this.#frame = new ffmpeg.Frame();
    this.#frame.alloc();
    this.#frame.format = this.sampleFormat;
    this.#frame.sampleRate = options.sampleRate;
    this.#frame.channelLayout = layout;
    this.#frame.nbSamples = this.blockSamples;
    this.#frame.timeBase = new ffmpeg.Rational(1, 1_000_000);
    this.#frame.getBuffer(0);
    this.#packet = new ffmpeg.Packet();
    this.#packet.alloc();
    this.#samples = new Float32Array(this.blockSamples * options.channels);
    this.format = {
      codec: options.codec,
      sampleRate: options.sampleRate,
      channels: options.channels,
      bitrateBps: options.bitrateBps,
      audioSpecificConfig: Uint8Array.from((isAac ? context.extraData : undefined) ?? []),
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
    this.#frame.makeWritable();
    this.#frame.fromBuffer(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
    return this.encodeFrame(this.#frame, timestampUs);
  }

  async encodeFrame(frame: Frame, timestampUs: number): Promise<EncodedPacket | undefined> {
    frame.pts = BigInt(timestampUs);
    const sent = await this.#context.sendFrame(frame);
    if (sent < 0) throw new BroadcastError("encoder_failed", `the audio encoder refused a frame (${sent})`);
    const received = await this.#context.receivePacket(this.#packet);
    if (received < 0) return undefined;
    // The encoder's own timestamp: it counts back the block that it holds as look-ahead.
    const encodedUs = Number(this.#packet.pts);
    const encoded: EncodedPacket = {
      kind: "audio",
      data: Uint8Array.from(this.#packet.data ?? []),
      timestampUs: encodedUs,
      decodeTimestampUs: encodedUs,
      keyframe: true,
    };
    this.#packet.unref();
    return encoded;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}
