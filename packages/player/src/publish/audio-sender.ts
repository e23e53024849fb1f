import type { AudioRendition } from "@canopy/media/catalog";
import { legacyHeaderBytes, writeLegacyHeader } from "@canopy/media/container";
import type { ServedTrack } from "@canopy/protocol";
import { PlayerError } from "../player-error.ts";
import { CaptureClock } from "./capture-clock.ts";
import { type FrameSource, processTrack, soundLoop } from "./media-frames.ts";

/** Long enough that groups cost few streams, short enough that a late joiner or a lost one misses little. */
const GROUP_US = 500_000;
/** Blocks of 10 ms that may wait in the encoder. */
const MAX_ENCODE_QUEUE = 25;
const OPUS_SAMPLE_RATE = 48_000;

export interface AudioSenderOptions {
  readonly bitrateBps: number;
}

export interface AudioSenderDeps {
  readonly track: ServedTrack;
  readonly nowUs: () => number;
  readonly onRendition: (rendition: AudioRendition) => void;
  readonly onEnd: (error: PlayerError | undefined) => void;
}

/** Encodes the sound of a track as Opus and writes it to a served track, half a second per group. */
export class AudioSender {
  readonly #options: AudioSenderOptions;
  readonly #deps: AudioSenderDeps;
  readonly #clock = new CaptureClock();
  readonly #encoder: AudioEncoder;
  #source: FrameSource | undefined;
  #channels = 0;
  #groupStartUs: number | undefined;
  #lastTimestampUs = 0;
  #encodedBytes = 0;
  #droppedBlocks = 0;
  #stopped = false;

  constructor(media: MediaStreamTrack, options: AudioSenderOptions, deps: AudioSenderDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#encoder = new AudioEncoder({
      output: (chunk) => this.#onChunk(chunk),
      error: (cause) => this.#end(new PlayerError("codec", "the audio encoder failed", cause)),
    });
    const onBlock = (block: AudioData): void => this.#onBlock(block);
    this.#source = processTrack<AudioData>(media, onBlock, () => this.#end(undefined));
    if (this.#source === undefined) void this.#openLoop(media);
  }

  get encodedBytes(): number {
    return this.#encodedBytes;
  }

  get droppedBlocks(): number {
    return this.#droppedBlocks;
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#source?.stop();
    if (this.#encoder.state !== "closed") this.#encoder.close();
  }

  async #openLoop(media: MediaStreamTrack): Promise<void> {
    try {
      this.#source = await soundLoop(media, (block) => this.#onBlock(block));
      if (this.#stopped) this.#source.stop();
    } catch (cause) {
      this.#end(new PlayerError("unsupported", "this browser cannot read the microphone's samples", cause));
    }
  }

  #onBlock(block: AudioData): void {
    try {
      if (this.#stopped) return;
      this.#clock.observe(block.timestamp, this.#deps.nowUs());
      if (block.numberOfChannels !== this.#channels) this.#configure(block);
      if (this.#encoder.encodeQueueSize > MAX_ENCODE_QUEUE) this.#droppedBlocks += 1;
      else this.#encoder.encode(block);
    } finally {
      block.close();
    }
  }

  #configure(block: AudioData): void {
    this.#channels = block.numberOfChannels;
    const numberOfChannels = Math.min(2, block.numberOfChannels);
    this.#encoder.configure({
      codec: "opus",
      sampleRate: block.sampleRate,
      numberOfChannels,
      bitrate: this.#options.bitrateBps,
    });
    this.#deps.onRendition({
      codec: "opus",
      sampleRate: OPUS_SAMPLE_RATE,
      numberOfChannels,
      bitrate: this.#options.bitrateBps,
    });
  }

  #onChunk(chunk: EncodedAudioChunk): void {
    if (this.#stopped) return;
    const timestampUs = Math.max(this.#lastTimestampUs + 1, this.#clock.toWallUs(chunk.timestamp));
    this.#lastTimestampUs = timestampUs;
    if (this.#groupStartUs === undefined || timestampUs - this.#groupStartUs >= GROUP_US) {
      this.#groupStartUs = timestampUs;
      this.#deps.track.startGroup();
    }
    const payload = new Uint8Array(legacyHeaderBytes(timestampUs) + chunk.byteLength);
    const at = writeLegacyHeader(payload, 0, timestampUs);
    chunk.copyTo(payload.subarray(at));
    this.#deps.track.write(timestampUs, payload);
    this.#encodedBytes += chunk.byteLength;
  }

  #end(error: PlayerError | undefined): void {
    if (this.#stopped) return;
    this.stop();
    this.#deps.onEnd(error);
  }
}
