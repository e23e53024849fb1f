import type { CodecContext, Frame, Packet } from "node-av/lib";
import { BroadcastError } from "./broadcast-error.ts";
import type { AudioFormat, EncodedPacket } from "./encoded-packet.ts";
import type { Ffmpeg } from "./load-ffmpeg.ts";

export interface AacEncoderOptions {
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  readonly bitrateBps: number;
}

/** Samples per channel in an AAC-LC frame. */
export const AAC_FRAME_SAMPLES = 1024;

/** AAC-LC from blocks of 1,024 samples. */
export class AacEncoder {
  readonly format: AudioFormat;
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packet: Packet;
  #closed = false;

  constructor(options: AacEncoderOptions, ffmpeg: Ffmpeg) {
    const codec = ffmpeg.Codec.findEncoderByName(ffmpeg.FF_ENCODER_AAC);
    if (!codec) throw new BroadcastError("encoder_failed", "this FFmpeg has no AAC encoder");
    const layout = options.channels === 1 ? ffmpeg.AV_CHANNEL_LAYOUT_MONO : ffmpeg.AV_CHANNEL_LAYOUT_STEREO;
    const context = new ffmpeg.CodecContext();
    context.allocContext3(codec);
    context.sampleRate = options.sampleRate;
    context.sampleFormat = ffmpeg.AV_SAMPLE_FMT_FLTP;
    context.channelLayout = layout;
    context.bitRate = BigInt(options.bitrateBps);
    context.timeBase = new ffmpeg.Rational(1, 1_000_000);
    context.setFlags(ffmpeg.AV_CODEC_FLAG_GLOBAL_HEADER);
    context.setOption("aac_coder", "fast");
    const opened = context.open2Sync(codec);
    if (opened < 0) throw new BroadcastError("encoder_failed", `the AAC encoder does not open (${opened})`);
    this.#context = context;
    this.#frame = new ffmpeg.Frame();
    this.#frame.alloc();
    this.#frame.format = ffmpeg.AV_SAMPLE_FMT_FLTP;
    this.#frame.sampleRate = options.sampleRate;
    this.#frame.channelLayout = layout;
    this.#frame.nbSamples = AAC_FRAME_SAMPLES;
    this.#frame.timeBase = new ffmpeg.Rational(1, 1_000_000);
    this.#frame.getBuffer(0);
    this.#packet = new ffmpeg.Packet();
    this.#packet.alloc();
    this.format = {
      sampleRate: options.sampleRate,
      channels: options.channels,
      bitrateBps: options.bitrateBps,
      audioSpecificConfig: Uint8Array.from(context.extraData ?? []),
    };
  }

  /** Encodes one block of planar floats (all of channel 0, then channel 1), copied before the call returns. */
  async encode(samples: Float32Array, timestampUs: number): Promise<EncodedPacket | undefined> {
    this.#frame.makeWritable();
    this.#frame.fromBuffer(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength));
    return this.encodeFrame(this.#frame, timestampUs);
  }

  async encodeFrame(frame: Frame, timestampUs: number): Promise<EncodedPacket | undefined> {
    frame.pts = BigInt(timestampUs);
    const sent = await this.#context.sendFrame(frame);
    if (sent < 0) throw new BroadcastError("encoder_failed", `the AAC encoder refused a frame (${sent})`);
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
