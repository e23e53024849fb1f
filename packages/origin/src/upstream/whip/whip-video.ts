import { MediaError } from "@canopy/media";
import { type H264AccessUnit, H264Depacketizer, type RtpHeader, VIDEO_CLOCK_RATE } from "@canopy/media/rtp";
import type { Clock } from "@canopy/runtime";
import type { BroadcastIngest } from "../../ingest/broadcast-ingest.ts";
import { describeH264 } from "../../ingest/describe-h264.ts";
import { H264Shaper } from "../../ingest/h264-shaper.ts";
import type { TrackMeter } from "../../ingest/track-meter.ts";
import type { VideoLane } from "../../ingest/video-lane.ts";
import { KeyframeRequests } from "./keyframe-requests.ts";
import { RtpSource } from "./rtp-source.ts";
import type { SenderClock } from "./sender-timeline.ts";
import type { WhipCounters } from "./whip-counters.ts";
import type { WhipOptions } from "./whip-options.ts";

export interface WhipVideoOptions extends Pick<WhipOptions, "keyframeIntervalMs" | "videoWaitMs"> {
  readonly ssrc: number;
  /** Name of the track. */
  readonly track: string;
  readonly canRepeat: boolean;
  /** NAL units that came with the offer. */
  readonly parameterSets: readonly Uint8Array[];
}

export interface WhipVideoDeps {
  readonly ingest: BroadcastIngest;
  readonly senderClock: SenderClock;
  readonly clock: Clock;
  readonly counters: WhipCounters;
}

/** 300 ms at 30 Mbit/s. */
const REORDER_PACKETS = 1_024;
const REORDER_BYTES = 2 * 1024 * 1024;
/** Reorder delays are told to players in steps, so that the catalog does not change with every group. */
const JITTER_STEP_MS = 20;

/** One H.264 stream of a publisher into one track. */
export class WhipVideo {
  readonly source: RtpSource;
  readonly #track: string;
  readonly #deps: WhipVideoDeps;
  readonly #shaper = new H264Shaper();
  readonly #depacketizer: H264Depacketizer;
  readonly #keyframes: KeyframeRequests;
  readonly #lane: VideoLane;
  readonly #meter: TrackMeter;
  #jitterMs = 0;

  /** Throws RelayError at the store's limits. */
  constructor(options: WhipVideoOptions, deps: WhipVideoDeps) {
    const { ingest, senderClock } = deps;
    this.#track = options.track;
    this.#deps = deps;
    this.#keyframes = new KeyframeRequests({ groupMs: options.keyframeIntervalMs });
    this.#lane = ingest.video(options.track);
    this.#meter = ingest.videoMeter(options.track);
    // What another source sent before on this track is no reference for this one.
    this.#lane.finishGroup();
    this.#depacketizer = new H264Depacketizer({}, { onAccessUnit: (unit) => this.#onAccessUnit(unit) });
    this.source = new RtpSource(
      {
        ssrc: options.ssrc,
        clockRate: VIDEO_CLOCK_RATE,
        capacity: REORDER_PACKETS,
        maxBytes: REORDER_BYTES,
        maxWaitMs: options.videoWaitMs,
        asksForMissing: options.canRepeat,
      },
      {
        senderClock,
        onPacket: (header, packet) => this.#onPacket(header, packet),
        onRestart: () => this.#depacketizer.restart(),
      },
    );
    try {
      this.#shaper.learnParameterSets(options.parameterSets);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** True: the publisher is to be asked for a keyframe now. */
  takeKeyframeRequest(nowMs: number): boolean {
    return this.#keyframes.take(nowMs, this.#lane.awaitsKeyframe);
  }

  #onPacket(header: RtpHeader, packet: Uint8Array): void {
    try {
      this.#depacketizer.push(
        packet,
        header.payloadStart,
        header.payloadEnd,
        header.sequence,
        header.timestamp,
        header.marker,
      );
    } catch (error) {
      this.#refuse(error);
    }
  }

  #onAccessUnit(unit: H264AccessUnit): void {
    const { ingest, clock } = this.#deps;
    // Pictures that refer to a lost one would be shown broken: the last good one stays until the next keyframe.
    if (unit.followsLoss && !unit.isKeyframe && !this.#lane.awaitsKeyframe) this.#lane.finishGroup();
    const known = this.#shaper.sps;
    const { bFrames } = this.#shaper;
    const shaped = this.#shaper.shapeAnnexB(unit.bytes);
    if (shaped === undefined) return;
    const nowUs = clock.nowUs();
    const placedUs = this.source.timeline.place(unit.rtpTimestamp, nowUs);
    // Pictures come in the order in which they are decoded; one behind the newest is shown before it.
    const reorderUs = Math.max(0, this.source.timeline.newestUs - placedUs);
    this.#meter.maxReorderUs = Math.max(this.#meter.maxReorderUs, reorderUs);
    const mediaUs = ingest.clock.map(this.#track, placedUs + reorderUs, nowUs) - Math.round(reorderUs);
    if (known !== this.#shaper.sps || bFrames !== this.#shaper.bFrames || this.#jitterGrew())
      this.#describe();
    if (shaped.keyframe) this.#keyframes.keyframe(nowUs / 1_000);
    ingest.announce();
    this.#lane.writeH264(mediaUs, shaped.annexB, shaped.keyframe);
  }

  #jitterGrew(): boolean {
    return this.#meter.maxReorderUs / 1_000 > this.#jitterMs;
  }

  #describe(): void {
    const { ingest } = this.#deps;
    this.#jitterMs = Math.ceil(this.#meter.maxReorderUs / 1_000 / JITTER_STEP_MS) * JITTER_STEP_MS;
    const rendition = describeH264(this.#shaper, { jitterMs: this.#jitterMs });
    if (rendition === undefined) return;
    ingest.bFrames = this.#shaper.bFrames;
    ingest.describeVideo(this.#track, rendition);
  }

  /** What cannot be understood is left out; the stream goes on at the next keyframe. */
  #refuse(error: unknown): void {
    if (!(error instanceof MediaError)) throw error;
    this.#deps.counters.dropped("media");
    this.#lane.finishGroup();
  }
}
