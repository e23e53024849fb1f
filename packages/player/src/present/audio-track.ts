import { type AudioRendition, decodeHex } from "@canopy/media/catalog";
import { PlayerError } from "../player-error.ts";
import { JitterBuffer } from "../store/jitter-buffer.ts";
import type { AudioOutput } from "./audio-output.ts";
import { DecodeTimes } from "./decode-times.ts";

/** Decoded at most this far ahead: less than the ring holds. */
const DECODE_AHEAD_US = 2_000_000;

/** Chunks in the decoder at one time. */
const MAX_DECODING = 24;

/** Older frames are not worth decoding: they cannot be heard any more. */
const LATE_US = 200_000;

export interface AudioTrackDeps {
  readonly onError: (error: PlayerError) => void;
}

/** WebCodecs configuration of a catalog entry. */
export function audioDecoderConfig(rendition: AudioRendition): AudioDecoderConfig {
  const config: AudioDecoderConfig = {
    codec: rendition.codec,
    sampleRate: rendition.sampleRate,
    numberOfChannels: rendition.numberOfChannels,
  };
  if (rendition.description !== undefined) config.description = decodeHex(rendition.description);
  return config;
}

/** One audio rendition on its way to the sound card. */
export class AudioTrack {
  readonly name: string;
  readonly buffer = new JitterBuffer();
  readonly config: AudioDecoderConfig;
  readonly #deps: AudioTrackDeps;
  readonly #times = new DecodeTimes();
  #decoder: AudioDecoder | undefined;
  #output: AudioOutput | undefined;
  #closed = false;

  constructor(options: { readonly name: string; readonly config: AudioDecoderConfig }, deps: AudioTrackDeps) {
    this.name = options.name;
    this.config = options.config;
    this.#deps = deps;
  }

  /** Until there is one, frames only pass by. */
  setOutput(output: AudioOutput | undefined): void {
    this.#output = output;
  }

  /** Decodes what is there. `mediaUs`: what is presented now. */
  feed(mediaUs: number): void {
    for (;;) {
      const frame = this.buffer.peek(mediaUs);
      if (frame === undefined || this.#closed) return;
      const isLate = frame.timestampUs < mediaUs - LATE_US;
      if (this.#output?.isRunning !== true) {
        // Nobody hears it: keep what is still to come, for the moment at which sound is allowed.
        if (frame.timestampUs >= mediaUs) return;
        this.buffer.take();
        continue;
      }
      if (isLate) {
        this.buffer.take();
        continue;
      }
      if (frame.timestampUs > mediaUs + DECODE_AHEAD_US) return;
      const decoder = this.#openDecoder();
      if (decoder === undefined || decoder.decodeQueueSize >= MAX_DECODING) return;
      this.buffer.take();
      this.#times.onDecode(frame.timestampUs);
      decoder.decode(
        new EncodedAudioChunk({ type: "key", timestamp: frame.timestampUs, data: frame.payload }),
      );
    }
  }

  /** Forgets what is buffered and decoded. */
  reset(): void {
    this.buffer.clear();
    this.#closeDecoder();
    this.#output?.clear();
  }

  close(): void {
    this.#closed = true;
    this.buffer.clear();
    this.#closeDecoder();
  }

  #openDecoder(): AudioDecoder | undefined {
    if (this.#decoder !== undefined) return this.#decoder;
    if (typeof AudioDecoder !== "function") return undefined;
    const decoder: AudioDecoder = new AudioDecoder({
      output: (data) => this.#onDecoded(decoder, data),
      error: (cause) => {
        if (this.#decoder !== decoder) return;
        this.#decoder = undefined;
        this.#deps.onError(new PlayerError("decode", "audio decoder failed", cause));
      },
    });
    decoder.configure(this.config);
    this.#times.clear();
    this.#decoder = decoder;
    return decoder;
  }

  #closeDecoder(): void {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    if (decoder !== undefined && decoder.state !== "closed") decoder.close();
  }

  #onDecoded(decoder: AudioDecoder, data: AudioData): void {
    const isCurrent = !this.#closed && this.#decoder === decoder;
    const timestampUs = isCurrent ? this.#times.take(data.timestamp) : 0;
    const output = this.#output;
    if (!isCurrent || output === undefined) {
      data.close();
      return;
    }
    const channels: Float32Array<ArrayBuffer>[] = [];
    const wanted = Math.min(output.channels, data.numberOfChannels);
    for (let channel = 0; channel < wanted; channel += 1) {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: channel, format: "f32-planar" });
      channels.push(samples);
    }
    output.write(timestampUs, channels);
    data.close();
  }
}
