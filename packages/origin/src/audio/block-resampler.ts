import type { AudioFifo, Frame, SoftwareResampleContext } from "node-av/lib";
import { OriginError } from "../origin-error.ts";
import type { Ffmpeg } from "./load-ffmpeg.ts";
import { BRIDGE_SAMPLE_RATE } from "./transcode-format.ts";

export interface BlockFormat {
  readonly channels: 1 | 2;
  /** Floats, interleaved (libopus) or a plane for each channel (aac). */
  readonly planar: boolean;
  /** Samples per channel in the encoder's blocks. */
  readonly samples: number;
}

/** The resampler's filter can give out this much more than went in. */
const RESAMPLER_SLACK_SAMPLES = 512;

/** Brings decoded sound of any form into blocks of one size at 48 kHz; more than two channels are mixed down. */
export class BlockResampler {
  readonly #format: BlockFormat;
  readonly #ffmpeg: Ffmpeg;
  readonly #fifo: AudioFifo;
  #resampler: SoftwareResampleContext | undefined;
  /** What the resampler was made for. */
  #madeFor = "";
  #scratch: Buffer[] = [];
  #scratchSamples = 0;

  constructor(format: BlockFormat, ffmpeg: Ffmpeg) {
    this.#format = format;
    this.#ffmpeg = ffmpeg;
    this.#fifo = new ffmpeg.AudioFifo();
    this.#fifo.alloc(this.#sampleFormat, format.channels, format.samples * 4);
  }

  /** Samples that wait to become a whole block. */
  get pending(): number {
    return this.#fifo.size;
  }

  /** False if the stream has changed its form (rate, channels): what comes is for a new stretch, after `restart`. */
  accepts(decoded: Frame): boolean {
    return this.#resampler === undefined || this.#madeFor === describeForm(decoded);
  }

  /** @throws OriginError "bridge-failed" if there is no way from the frame's form to ours */
  push(decoded: Frame): void {
    const resampler = this.#resamplerFor(decoded);
    const samples = decoded.nbSamples;
    const capacity = Math.ceil((samples * BRIDGE_SAMPLE_RATE) / decoded.sampleRate) + RESAMPLER_SLACK_SAMPLES;
    const converted = resampler.convertSync(this.#room(capacity), capacity, decoded.extendedData, samples);
    if (converted < 0) throw new OriginError("bridge-failed", `Sound cannot be resampled (${converted}).`);
    if (converted > 0) this.#fifo.writeSync(this.#planes(this.#scratch), converted);
  }

  /** Fills one block if there is a whole one. */
  take(block: Frame): boolean {
    const { samples } = this.#format;
    if (this.#fifo.size < samples) return false;
    block.makeWritable();
    return this.#fifo.readSync(this.#planes(block.data ?? []), samples) === samples;
  }

  /** Makes a whole block of what is pending, with silence behind it. */
  pad(): void {
    const missing = this.#format.samples - this.#fifo.size;
    if (this.#fifo.size === 0 || missing <= 0) return;
    const room = this.#room(missing);
    for (const plane of room) plane.fill(0);
    this.#fifo.writeSync(this.#planes(room), missing);
  }

  /** The next frame has nothing to do with those before it. */
  restart(): void {
    this.#fifo.reset();
    this.#resampler?.free();
    this.#resampler = undefined;
    this.#madeFor = "";
  }

  close(): void {
    this.#resampler?.free();
    this.#resampler = undefined;
    this.#fifo.free();
  }

  get #sampleFormat() {
    const { AV_SAMPLE_FMT_FLT, AV_SAMPLE_FMT_FLTP } = this.#ffmpeg;
    return this.#format.planar ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_FLT;
  }

  /** The FIFO takes one buffer where samples are interleaved, and an array of planes otherwise. */
  #planes(buffers: Buffer[]): Buffer | Buffer[] {
    return this.#format.planar ? buffers : (buffers[0] ?? buffers);
  }

  #resamplerFor(decoded: Frame): SoftwareResampleContext {
    if (this.#resampler !== undefined) return this.#resampler;
    const { sampleRate, channelLayout } = decoded;
    const { AV_CHANNEL_LAYOUT_MONO, AV_CHANNEL_LAYOUT_STEREO, SoftwareResampleContext } = this.#ffmpeg;
    const resampler = new SoftwareResampleContext();
    const made = resampler.allocSetOpts2(
      this.#format.channels === 1 ? AV_CHANNEL_LAYOUT_MONO : AV_CHANNEL_LAYOUT_STEREO,
      this.#sampleFormat,
      BRIDGE_SAMPLE_RATE,
      channelLayout,
      decoded.format as Parameters<SoftwareResampleContext["allocSetOpts2"]>[4],
      sampleRate,
    );
    if (made < 0 || resampler.init() < 0) {
      resampler.free();
      throw new OriginError("bridge-failed", `Sound of ${sampleRate} Hz cannot be resampled.`);
    }
    this.#resampler = resampler;
    this.#madeFor = describeForm(decoded);
    return resampler;
  }

  #room(samples: number): Buffer[] {
    if (samples > this.#scratchSamples) {
      const { channels, planar } = this.#format;
      const planes = planar ? channels : 1;
      const bytes = samples * 4 * (planar ? 1 : channels);
      this.#scratch = Array.from({ length: planes }, () => Buffer.alloc(bytes));
      this.#scratchSamples = samples;
    }
    return this.#scratch;
  }
}

function describeForm({ sampleRate, channelLayout, format }: Frame): string {
  const { nbChannels, order, mask } = channelLayout;
  return `${sampleRate} ${nbChannels} ${order} ${mask} ${format}`;
}
