import { MediaError } from "@canopy/media";
import { opusPacketDurationUs } from "@canopy/media/opus";
import {
  OPUS_CLOCK_RATE,
  parseRedundantAudio,
  primaryOfRedundantAudio,
  type RtpHeader,
  sequenceDistance,
} from "@canopy/media/rtp";
import type { Clock } from "@canopy/runtime";
import type { AudioLane } from "../../ingest/audio-lane.ts";
import type { BroadcastIngest } from "../../ingest/broadcast-ingest.ts";
import { RtpSource } from "./rtp-source.ts";
import type { SenderClock } from "./sender-timeline.ts";
import type { WhipCounters } from "./whip-counters.ts";
import type { WhipOptions } from "./whip-options.ts";

export interface WhipAudioOptions extends Pick<WhipOptions, "audioWaitMs"> {
  readonly ssrc: number;
  readonly track: string;
  readonly canRepeat: boolean;
  /** Payload type of Opus. */
  readonly payloadType: number;
  /** Payload type of redundant audio; -1: none. */
  readonly redundantType: number;
}

export interface WhipAudioDeps {
  readonly ingest: BroadcastIngest;
  readonly senderClock: SenderClock;
  readonly clock: Clock;
  readonly counters: WhipCounters;
}

/** More than a second of 20 ms packets. */
const REORDER_PACKETS = 64;
const REORDER_BYTES = 128 * 1024;

/** The Opus stream of a publisher into one track: frames as they are, with what they hold for error correction. */
export class WhipAudio {
  readonly source: RtpSource;
  readonly #options: WhipAudioOptions;
  readonly #deps: WhipAudioDeps;
  readonly #lane: AudioLane;
  #lastSequence = -1;
  /** RTP timestamp of the newest frame that was written. */
  #lastTimestamp = 0;

  /** Throws RelayError at the store's limits. */
  constructor(options: WhipAudioOptions, deps: WhipAudioDeps) {
    const { ingest, senderClock } = deps;
    this.#options = options;
    this.#deps = deps;
    this.#lane = ingest.audio(options.track);
    this.source = new RtpSource(
      {
        ssrc: options.ssrc,
        clockRate: OPUS_CLOCK_RATE,
        capacity: REORDER_PACKETS,
        maxBytes: REORDER_BYTES,
        maxWaitMs: options.audioWaitMs,
        asksForMissing: options.canRepeat,
      },
      {
        senderClock,
        onPacket: (header, packet) => this.#onPacket(header, packet),
        onRestart: () => {
          this.#lastSequence = -1;
        },
      },
    );
    // Opus plays in stereo whatever a packet codes (RFC 7587 §4.1 has one payload format for both).
    ingest.describeAudio(options.track, { codec: "opus", sampleRate: OPUS_CLOCK_RATE, numberOfChannels: 2 });
  }

  #onPacket(header: RtpHeader, packet: Uint8Array): void {
    const payload = packet.subarray(header.payloadStart, header.payloadEnd);
    const isAfterLoss = this.#lastSequence >= 0 && sequenceDistance(this.#lastSequence, header.sequence) > 1;
    this.#lastSequence = header.sequence;
    if (payload.length === 0) return;
    try {
      if (header.payloadType !== this.#options.redundantType) this.#write(header.timestamp, payload);
      else if (isAfterLoss) this.#writeWithRepeats(header.timestamp, payload);
      else this.#write(header.timestamp, this.#opusOf(primaryOfRedundantAudio(payload)));
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#deps.counters.dropped("media");
    }
  }

  /** Redundant audio repeats older frames: those that were lost are written from there. */
  #writeWithRepeats(timestamp: number, payload: Uint8Array): void {
    for (const block of parseRedundantAudio(payload)) {
      const blockTimestamp = (timestamp - block.timestampOffset) >>> 0;
      // Signed distance of 32 bits.
      if (((blockTimestamp - this.#lastTimestamp) | 0) <= 0 || block.data.length === 0) continue;
      this.#write(blockTimestamp, this.#opusOf(block));
    }
  }

  #opusOf(block: { readonly payloadType: number; readonly data: Uint8Array }): Uint8Array {
    if (block.payloadType === this.#options.payloadType) return block.data;
    throw new MediaError("unsupported", "redundant audio of another codec", {
      field: "RED.payload-type",
      actual: block.payloadType,
    });
  }

  #write(timestamp: number, frame: Uint8Array): void {
    // Reads the structure, so that no player gets what is no Opus packet.
    opusPacketDurationUs(frame);
    this.#lastTimestamp = timestamp;
    const { ingest, clock } = this.#deps;
    const nowUs = clock.nowUs();
    const placedUs = this.source.timeline.place(timestamp, nowUs);
    const mediaUs = ingest.clock.map(this.#options.track, placedUs, nowUs);
    ingest.announce();
    this.#lane.write(mediaUs, frame);
  }
}
