import type {
  BitStreamFilterContext,
  CodecContext,
  Frame,
  Packet,
  SoftwareResampleContext,
  SoftwareScaleContext,
  Stream,
} from "node-av/lib";
import type { AudioEncoder } from "./audio-encoder.ts";
import { BroadcastError } from "./broadcast-error.ts";
import type { EncodedPacket } from "./encoded-packet.ts";
import type { H264Encoder } from "./h264-encoder.ts";
import type { Ffmpeg } from "./load-ffmpeg.ts";

/** Turns the packets of one stream of a file into packets for the sink. */
export interface FileTrack {
  /** `offsetUs` is added to the file's own time. Emits zero or more packets. */
  take(packet: Packet, offsetUs: number, emit: (packet: EncodedPacket) => void): Promise<void>;
  /** The next packet is from before this one: the file starts over. */
  rewind(): void;
  close(): void;
}

const MICROSECONDS = { num: 1, den: 1_000_000 } as const;

/** Passes H.264 or AAC on as it is, through the filter that gives it the sink's form. */
export class CopyTrack implements FileTrack {
  readonly #kind: "video" | "audio";
  readonly #stream: Stream;
  readonly #filter: BitStreamFilterContext;
  readonly #out: Packet;

  constructor(kind: "video" | "audio", stream: Stream, filterName: string, ffmpeg: Ffmpeg) {
    this.#kind = kind;
    this.#stream = stream;
    const filter = ffmpeg.BitStreamFilter.getByName(filterName);
    this.#filter = new ffmpeg.BitStreamFilterContext();
    if (!filter || this.#filter.alloc(filter) < 0) {
      throw new BroadcastError("source_unsupported", `this FFmpeg has no filter ${filterName}`);
    }
    const parameters = this.#filter.inputCodecParameters;
    if (parameters) stream.codecpar.copy(parameters);
    this.#filter.inputTimeBase = stream.timeBase;
    if (this.#filter.init() < 0)
      throw new BroadcastError("source_unsupported", `${filterName} refuses the stream`);
    this.#out = new ffmpeg.Packet();
    this.#out.alloc();
  }

  /** Decoder configuration after the filter: Annex B parameter sets, or an AudioSpecificConfig. */
  get configuration(): Uint8Array {
    return Uint8Array.from(this.#filter.outputCodecParameters?.extradata ?? []);
  }

  async take(packet: Packet, offsetUs: number, emit: (packet: EncodedPacket) => void): Promise<void> {
    if (this.#filter.sendPacketSync(packet) < 0) return;
    while (this.#filter.receivePacketSync(this.#out) >= 0) {
      this.#out.rescaleTs(this.#stream.timeBase, MICROSECONDS);
      emit({
        kind: this.#kind,
        data: Uint8Array.from(this.#out.data ?? []),
        timestampUs: Number(this.#out.pts) + offsetUs,
        decodeTimestampUs: Number(this.#out.dts) + offsetUs,
        keyframe: this.#kind === "audio" || this.#out.isKeyframe,
      });
      this.#out.unref();
    }
  }

  rewind(): void {
    this.#filter.flush();
  }

  close(): void {
    this.#out.free();
    this.#filter.free();
  }
}

/** Decodes any video and encodes it as H.264 of the wanted size. */
export class VideoTranscodeTrack implements FileTrack {
  readonly #stream: Stream;
  readonly #decoder: CodecContext;
  readonly #encoder: H264Encoder;
  readonly #scaler: SoftwareScaleContext;
  readonly #decoded: Frame;
  readonly #scaled: Frame;

  constructor(stream: Stream, encoder: H264Encoder, ffmpeg: Ffmpeg) {
    this.#stream = stream;
    this.#encoder = encoder;
    this.#decoder = openDecoder(stream, ffmpeg);
    this.#scaler = new ffmpeg.SoftwareScaleContext();
    this.#scaler.allocContext();
    this.#decoded = new ffmpeg.Frame();
    this.#decoded.alloc();
    this.#scaled = new ffmpeg.Frame();
    this.#scaled.alloc();
    this.#scaled.width = encoder.format.width;
    this.#scaled.height = encoder.format.height;
    this.#scaled.format = ffmpeg.AV_PIX_FMT_YUV420P;
    this.#scaled.getBuffer(0);
  }

  async take(packet: Packet, offsetUs: number, emit: (packet: EncodedPacket) => void): Promise<void> {
    if ((await this.#decoder.sendPacket(packet)) < 0) return;
    const { num, den } = this.#stream.timeBase;
    while ((await this.#decoder.receiveFrame(this.#decoded)) >= 0) {
      const timestampUs =
        Math.round((Number(this.#decoded.bestEffortTimestamp) * num * 1e6) / den) + offsetUs;
      this.#scaled.makeWritable();
      const scaled = await this.#scaler.scaleFrame(this.#scaled, this.#decoded);
      this.#decoded.unref();
      if (scaled < 0) continue;
      const encoded = await this.#encoder.encodeFrame(this.#scaled, timestampUs);
      if (encoded) emit(encoded);
    }
  }

  rewind(): void {
    this.#decoder.flushBuffers();
  }

  close(): void {
    this.#scaled.free();
    this.#decoded.free();
    this.#scaler.freeContext();
    this.#decoder.freeContext();
    this.#encoder.close();
  }
}

/** Decodes any audio and encodes it anew, 48 kHz stereo. */
export class AudioTranscodeTrack implements FileTrack {
  readonly #stream: Stream;
  readonly #decoder: CodecContext;
  readonly #encoder: AudioEncoder;
  readonly #resampler: SoftwareResampleContext;
  readonly #decoded: Frame;
  readonly #block: Frame;
  readonly #sampleRate: number;
  /** Time of the next block; counted in samples between restarts, so that rounding does not add up. */
  #nextUs: number | undefined;

  constructor(stream: Stream, encoder: AudioEncoder, ffmpeg: Ffmpeg) {
    this.#stream = stream;
    this.#encoder = encoder;
    this.#sampleRate = encoder.format.sampleRate;
    this.#decoder = openDecoder(stream, ffmpeg);
    this.#resampler = new ffmpeg.SoftwareResampleContext();
    const layout = ffmpeg.AV_CHANNEL_LAYOUT_STEREO;
    const set = this.#resampler.allocSetOpts2(
      layout,
      encoder.sampleFormat,
      this.#sampleRate,
      this.#decoder.channelLayout,
      this.#decoder.sampleFormat,
      this.#decoder.sampleRate,
    );
    if (set < 0 || this.#resampler.init() < 0) {
      throw new BroadcastError("source_unsupported", "the audio cannot be resampled");
    }
    this.#decoded = new ffmpeg.Frame();
    this.#decoded.alloc();
    this.#block = new ffmpeg.Frame();
    this.#block.alloc();
    this.#block.format = encoder.sampleFormat;
    this.#block.sampleRate = this.#sampleRate;
    this.#block.channelLayout = layout;
    this.#block.nbSamples = encoder.blockSamples;
    this.#block.getBuffer(0);
  }

  async take(packet: Packet, offsetUs: number, emit: (packet: EncodedPacket) => void): Promise<void> {
    if ((await this.#decoder.sendPacket(packet)) < 0) return;
    const { num, den } = this.#stream.timeBase;
    while ((await this.#decoder.receiveFrame(this.#decoded)) >= 0) {
      const startUs = Math.round((Number(this.#decoded.bestEffortTimestamp) * num * 1e6) / den) + offsetUs;
      this.#nextUs ??= startUs;
      // The resampler keeps what is left over; blocks are taken out while it holds whole ones.
      this.#resampler.convertSync(null, 0, this.#decoded.extendedData, this.#decoded.nbSamples);
      this.#decoded.unref();
      await this.#drain(emit);
    }
  }

  async #drain(emit: (packet: EncodedPacket) => void): Promise<void> {
    const { blockSamples } = this.#encoder;
    while (this.#resampler.getOutSamples(0) >= blockSamples) {
      this.#block.makeWritable();
      const samples = this.#resampler.convertSync(this.#block.data, blockSamples, null, 0);
      if (samples < blockSamples || this.#nextUs === undefined) return;
      const encoded = await this.#encoder.encodeFrame(this.#block, Math.round(this.#nextUs));
      this.#nextUs += (blockSamples * 1e6) / this.#sampleRate;
      if (encoded) emit(encoded);
    }
  }

  rewind(): void {
    this.#decoder.flushBuffers();
    this.#nextUs = undefined;
  }

  close(): void {
    this.#block.free();
    this.#decoded.free();
    this.#resampler.free();
    this.#decoder.freeContext();
    this.#encoder.close();
  }
}

function openDecoder(stream: Stream, ffmpeg: Ffmpeg): CodecContext {
  const codec = ffmpeg.Codec.findDecoder(stream.codecpar.codecId);
  if (!codec) throw new BroadcastError("source_unsupported", "no decoder for a stream of the file");
  const context = new ffmpeg.CodecContext();
  context.allocContext3(codec);
  context.parametersToContext(stream.codecpar);
  context.pktTimebase = stream.timeBase;
  if (context.open2Sync(codec) < 0) throw new BroadcastError("source_unsupported", "a decoder does not open");
  return context;
}
