import type { CodecContext, Frame, Packet } from "node-av/lib";
import { BlockResampler } from "./block-resampler.ts";
import type { Ffmpeg } from "./load-ffmpeg.ts";
import { type OpenEncoder, openDecoder, openEncoder } from "./open-codecs.ts";
import { SampleTimeline } from "./sample-timeline.ts";
import { BRIDGE_SAMPLE_RATE, type TranscodeFormat } from "./transcode-format.ts";

/** Takes one encoded frame; `payload` is its own. */
export type EmitFrame = (timestampUs: number, payload: Uint8Array) => void;

/**
 * Decodes one stream of sound and encodes it with the other codec, synchronously: it runs where nobody waits for it.
 *
 * A packet carries the time at which its sound begins when it is decoded without more ado, as by viewers who join in
 * the middle. Both encoders hold sound back (libopus 6.5 ms, AAC one block), so packets are that much earlier than the
 * block they come out with.
 */
export class AudioTranscoder {
  /** Frames that the decoder refused. */
  undecodable = 0;
  readonly #emit: EmitFrame;
  readonly #decoder: CodecContext;
  readonly #encoder: OpenEncoder;
  readonly #resampler: BlockResampler;
  readonly #timeline = new SampleTimeline(BRIDGE_SAMPLE_RATE);
  readonly #input: Packet;
  readonly #decoded: Frame;
  readonly #block: Frame;
  readonly #output: Packet;
  /** Media times of blocks whose packets are still inside the encoder, oldest first. */
  readonly #blockTimes: number[] = [];
  #previousBlockUs: number | undefined;
  #closed = false;

  /** @throws OriginError "bridge-failed" */
  constructor(format: TranscodeFormat, ffmpeg: Ffmpeg, emit: EmitFrame) {
    this.#emit = emit;
    this.#decoder = openDecoder(format.from, ffmpeg);
    try {
      this.#encoder = openEncoder(format.to, ffmpeg);
    } catch (error) {
      this.#decoder.freeContext();
      throw error;
    }
    const { blockSamples, planar, context } = this.#encoder;
    const blocks = { channels: format.to.channels, planar, samples: blockSamples };
    this.#resampler = new BlockResampler(blocks, ffmpeg);
    this.#input = new ffmpeg.Packet();
    this.#input.alloc();
    this.#output = new ffmpeg.Packet();
    this.#output.alloc();
    this.#decoded = new ffmpeg.Frame();
    this.#decoded.alloc();
    this.#block = new ffmpeg.Frame();
    this.#block.alloc();
    this.#block.format = context.sampleFormat;
    this.#block.sampleRate = BRIDGE_SAMPLE_RATE;
    this.#block.channelLayout = context.channelLayout;
    this.#block.nbSamples = blockSamples;
    this.#block.getBuffer(0);
  }

  /**
   * One frame of the source. A frame that cannot be decoded is counted and passed over.
   * @throws OriginError "bridge-failed" if the transcoding cannot go on
   */
  push(timestampUs: number, payload: Uint8Array): void {
    this.#input.data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const sent = this.#decoder.sendPacketSync(this.#input);
    this.#input.unref();
    if (sent < 0) {
      this.undecodable++;
      return;
    }
    let mediaUs = timestampUs;
    while (this.#decoder.receiveFrameSync(this.#decoded) >= 0) {
      const { nbSamples, sampleRate } = this.#decoded;
      if (nbSamples > 0 && sampleRate > 0) {
        this.#take(mediaUs);
        mediaUs += (nbSamples * 1e6) / sampleRate;
      }
      this.#decoded.unref();
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#block.free();
    this.#decoded.free();
    this.#output.free();
    this.#input.free();
    this.#resampler.close();
    this.#encoder.context.freeContext();
    this.#decoder.freeContext();
  }

  #take(mediaUs: number): void {
    const resampler = this.#resampler;
    if (!this.#timeline.continues(mediaUs) || !resampler.accepts(this.#decoded)) {
      // What was heard before a gap ends there, with silence up to the end of its block.
      resampler.pad();
      this.#encodeBlocks();
      resampler.restart();
      this.#timeline.restart();
    }
    this.#timeline.feed(mediaUs, this.#decoded.nbSamples, this.#decoded.sampleRate);
    resampler.push(this.#decoded);
    this.#encodeBlocks();
  }

  #encodeBlocks(): void {
    const { context, blockSamples } = this.#encoder;
    while (this.#resampler.take(this.#block)) {
      this.#blockTimes.push(this.#timeline.take(blockSamples));
      if (context.sendFrameSync(this.#block) < 0) {
        this.#blockTimes.pop();
        continue;
      }
      while (context.receivePacketSync(this.#output) >= 0) {
        this.#emitPacket();
        this.#output.unref();
      }
    }
  }

  #emitPacket(): void {
    const { data } = this.#output;
    const { delaySamples, blockSamples } = this.#encoder;
    const blockUs = this.#blockTimes.shift();
    if (data === null || blockUs === undefined) return;
    const previousUs = this.#previousBlockUs;
    this.#previousBlockUs = blockUs;
    // A whole block later is the block before, also across a gap.
    const isWholeBlock = delaySamples === blockSamples && previousUs !== undefined;
    const startUs = isWholeBlock ? previousUs : blockUs - (delaySamples * 1e6) / BRIDGE_SAMPLE_RATE;
    this.#emit(Math.max(0, Math.round(startUs)), new Uint8Array(data));
  }
}
