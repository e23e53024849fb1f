import { MediaError } from "@canopy/media";
import { decodeLegacyFrame } from "@canopy/media/container";
import type { WireFrame } from "@canopy/protocol";
import type { Track, TrackReader, TrackReading } from "@canopy/relay";
import type { FollowedBroadcast } from "../follow/followed-broadcast.ts";
import type { PackagedMedia } from "./packaged-media.ts";

/** Whoever packages the frames of one track. */
export interface TrackConsumer {
  /** One frame in decoding order. Throws `MediaError` for what it cannot read. */
  onFrame(timestampUs: number, payload: Uint8Array): void;
}

/** As the player subscribes: sound before pictures. */
const PRIORITY = { video: 60, audio: 80 } as const;
/** How long the rest of a group is waited for once a newer one is there. */
const MAX_LATENCY_MS = 1_000;

/** Reads one track of a broadcast for as long as it is open, whoever publishes it. */
export class TrackSource implements TrackReader {
  readonly #name: string;
  readonly #priority: number;
  readonly #broadcast: FollowedBroadcast<PackagedMedia>;
  readonly #consumer: TrackConsumer;
  #reading: TrackReading | undefined;
  #source: Track | undefined;

  constructor(
    kind: keyof typeof PRIORITY,
    name: string,
    parts: { readonly broadcast: FollowedBroadcast<PackagedMedia>; readonly consumer: TrackConsumer },
  ) {
    this.#name = name;
    this.#priority = PRIORITY[kind];
    this.#broadcast = parts.broadcast;
    this.#consumer = parts.consumer;
    this.bind();
  }

  /** Asks the current publisher, unless his track is being read. Call it when a publisher came, and once a second. */
  bind(): void {
    if (this.#reading !== undefined && !(this.#source?.closed ?? true)) return;
    this.close();
    const track = this.#broadcast.request(this.#name);
    if (track === undefined) return;
    this.#source = track;
    this.#reading = track.subscribe(this, { priority: this.#priority, maxLatencyMs: MAX_LATENCY_MS });
  }

  onFrame(frame: WireFrame): void {
    try {
      const { timestampUs, payload } = decodeLegacyFrame(frame.wire.subarray(frame.payloadOffset));
      // A marker without data ends a group.
      if (payload.byteLength > 0) this.#consumer.onFrame(timestampUs, payload);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#broadcast.unreadable += 1;
    }
  }

  onClosed(): void {
    this.#reading = undefined;
    this.#source = undefined;
  }

  /** Idempotent. */
  close(): void {
    this.#reading?.close();
    this.#reading = undefined;
    this.#source = undefined;
  }
}
