import type { CodecContext, Packet } from "node-av/lib";
import { BroadcastError } from "./broadcast-error.ts";
import type { EncodedPacket, VideoFormat } from "./encoded-packet.ts";
import { FrameEncoder } from "./frame-encoder.ts";
import type { Ffmpeg } from "./load-ffmpeg.ts";

export interface H264EncoderOptions {
  readonly width: number;
  readonly height: number;
  readonly framerate: number;
  readonly bitrateBps: number;
  /** Distance of keyframes in frames. */
  readonly gopFrames: number;
}

/** libx264 for live use: no B-frames, no lookahead, so that each picture comes out at once. */
export class H264Encoder extends FrameEncoder {
  readonly format: VideoFormat;

  constructor(options: H264EncoderOptions, ffmpeg: Ffmpeg) {
    super("libx264", openContext(options, ffmpeg), ffmpeg);
    this.frame.width = options.width;
    this.frame.height = options.height;
    this.frame.format = ffmpeg.AV_PIX_FMT_YUV420P;
    this.frame.timeBase = new ffmpeg.Rational(1, 1_000_000);
    this.frame.getBuffer(0);
    this.format = {
      width: options.width,
      height: options.height,
      framerate: options.framerate,
      bitrateBps: options.bitrateBps,
      parameterSets: Uint8Array.from(this.context.extraData ?? []),
    };
  }

  /** Encodes one picture in planar YUV 4:2:0 (copied before the call returns). */
  async encode(pixels: Uint8Array, timestampUs: number): Promise<EncodedPacket | undefined> {
    this.frame.makeWritable();
    this.frame.fromBuffer(Buffer.from(pixels.buffer, pixels.byteOffset, pixels.byteLength));
    return this.encodeFrame(this.frame, timestampUs);
  }

  /** With zerolatency there is exactly one packet per picture. */
  protected describe(packet: Packet, timestampUs: number): EncodedPacket {
    return {
      kind: "video",
      data: Uint8Array.from(packet.data ?? []),
      timestampUs,
      decodeTimestampUs: timestampUs,
      keyframe: packet.isKeyframe,
    };
  }
}

function openContext(options: H264EncoderOptions, ffmpeg: Ffmpeg): CodecContext {
  const codec = ffmpeg.Codec.findEncoderByName(ffmpeg.FF_ENCODER_LIBX264);
  if (!codec) throw new BroadcastError("encoder_failed", "this FFmpeg has no libx264");
  const context = new ffmpeg.CodecContext();
  context.allocContext3(codec);
  context.width = options.width;
  context.height = options.height;
  context.pixelFormat = ffmpeg.AV_PIX_FMT_YUV420P;
  context.timeBase = new ffmpeg.Rational(1, 1_000_000);
  context.framerate = new ffmpeg.Rational(Math.round(options.framerate * 1000), 1000);
  context.gopSize = options.gopFrames;
  context.maxBFrames = 0;
  context.bitRate = BigInt(options.bitrateBps);
  context.rcMaxRate = BigInt(options.bitrateBps);
  // One second of buffer: keyframes may be larger than the mean without long bursts.
  context.rcBufferSize = options.bitrateBps;
  // One thread: slices for more threads cost more in total than they save for a picture this cheap.
  context.threadCount = 1;
  context.colorRange = ffmpeg.AVCOL_RANGE_MPEG;
  context.colorSpace = ffmpeg.AVCOL_SPC_BT709;
  context.colorPrimaries = ffmpeg.AVCOL_PRI_BT709;
  context.colorTrc = ffmpeg.AVCOL_TRC_BT709;
  context.setFlags(ffmpeg.AV_CODEC_FLAG_GLOBAL_HEADER);
  // Options are set one by one: a Dictionary handed to open2 is freed by FFmpeg and again by its wrapper.
  setOption(context, "preset", "ultrafast");
  setOption(context, "tune", "zerolatency");
  setOption(context, "profile", "baseline");
  // Keyframes at fixed distances: a scene cut must not shift the places where viewers join.
  setOption(context, "x264-params", "scenecut=0");
  const opened = context.open2Sync(codec);
  if (opened < 0) throw new BroadcastError("encoder_failed", `libx264 does not open (${opened})`);
  return context;
}

function setOption(context: CodecContext, name: string, value: string): void {
  const result = context.setOption(name, value);
  if (result < 0) throw new BroadcastError("encoder_failed", `libx264 refuses ${name}=${value} (${result})`);
}
