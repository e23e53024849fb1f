import { randomInt } from "node:crypto";
import { OPUS_CLOCK_RATE, VIDEO_CLOCK_RATE } from "@canopy/media/rtp";
import { encodeGoawayMessage } from "@canopy/media/timed";
import type { RelayNode } from "@canopy/relay";
import { type PeerRequest, type PreparedPeer, WEBRTC_PROBLEMS } from "@canopy/relay/webrtc";
import { type Clock, type Logger, type Metrics, ProblemError } from "@canopy/runtime";
import { CatchUpPacer } from "./catch-up-pacer.ts";
import { answerSection, chooseSections } from "./choose-codecs.ts";
import type { PlayableMedia } from "./playable-media.ts";
import type { RtpKind } from "./rtp-track.ts";
import { WhepBroadcast, type WhepBroadcastDeps } from "./whep-broadcast.ts";
import { WhepCounters } from "./whep-counters.ts";
import { bindWhepMetrics } from "./whep-metrics.ts";
import type { WhepOptions } from "./whep-options.ts";
import { WhepViewer } from "./whep-viewer.ts";
import { SenderReportWriter } from "./write-sender-report.ts";

/** The catalog of a broadcast that this node did not follow yet comes from the parent within this time. */
const CATALOG_TIMEOUT_MS = 3_000;
/** A broadcast without viewers is followed for this long, so that the next one starts at once. */
const IDLE_MS = 5_000;
/** A publisher who is gone may come back for this long without his viewers losing their sessions. */
const GONE_MS = 30_000;
/** Each viewer is looked at once a second, a tenth of them at a time: 1,800 reports at once would hold up media. */
const TICK_INTERVAL_MS = 100;
const TICKS_PER_ROUND = 10;
const STREAM_ID = "canopy";

export interface WhepServiceDeps {
  readonly relay: RelayNode;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** All WHEP sessions of a node: which broadcasts they follow, and the one timer of them all. */
export class WhepService {
  readonly counters = new WhepCounters();
  readonly #options: WhepOptions;
  readonly #deps: WhepServiceDeps;
  readonly #broadcasts = new Map<string, WhepBroadcast>();
  /** Viewers by the tick of the round in which they are looked at. */
  readonly #viewers: readonly Set<WhepViewer>[] = Array.from({ length: TICKS_PER_ROUND }, () => new Set());
  readonly #pacer = new CatchUpPacer();
  /** The same for all viewers: each has keys of his own, so that nothing is told apart by them. */
  readonly #ssrc: Readonly<Record<RtpKind, number>> = {
    video: randomInt(1, 2 ** 31),
    audio: 2 ** 31 + randomInt(2 ** 31),
  };
  readonly #cname = `canopy-${randomInt(2 ** 47).toString(36)}`;
  readonly #reports: Readonly<Record<RtpKind, SenderReportWriter>>;
  readonly #timer: NodeJS.Timeout;
  readonly #withdraw: () => void;
  #ticks = 0;
  #places = 0;

  constructor(options: WhepOptions, deps: WhepServiceDeps) {
    this.#options = options;
    this.#deps = deps;
    const cname = this.#cname;
    this.#reports = {
      video: new SenderReportWriter({ ssrc: this.#ssrc.video, cname, clockRate: VIDEO_CLOCK_RATE }),
      audio: new SenderReportWriter({ ssrc: this.#ssrc.audio, cname, clockRate: OPUS_CLOCK_RATE }),
    };
    this.#withdraw = bindWhepMetrics(deps.metrics, {
      counters: this.counters,
      sentBytes: () => this.#sum("sentBytes"),
      receivedBytes: () => this.#sum("receivedBytes"),
    });
    this.#timer = setInterval(() => this.#tick(), TICK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Decides how an offer is answered. Throws `ProblemError`. */
  async preparePeer(request: PeerRequest): Promise<PreparedPeer> {
    const broadcast = this.#find(request.broadcast);
    const media = await broadcast.followed.awaitMedia(CATALOG_TIMEOUT_MS);
    if (media === undefined) {
      throw new ProblemError(503, "Service Unavailable", "The broadcast's catalog has not arrived yet.", {
        headers: { "retry-after": "1" },
      });
    }
    if (media.hasBFrames && media.video.length > 0) throw bFrames();
    const sections = chooseSections(request.offer, media);
    if (sections.length === 0) throw nothingPlayable(media);
    const viewer = new WhepViewer(
      {
        sections,
        media,
        hasData: request.offer.media.some(({ kind, usable }) => kind === "application" && usable),
      },
      {
        broadcast,
        pacer: this.#pacer,
        counters: this.counters,
        framesSent: this.#deps.relay.downstreamCounters.framesSent,
        reports: this.#reports,
        nowMs: () => this.#deps.clock.nowMs(),
        nowUs: () => this.#deps.clock.nowUs(),
        onClosed: (closed) => this.#forget(closed),
      },
    );
    const send = { cname: this.#cname, streamId: STREAM_ID };
    return {
      plan: {
        dataChannels: true,
        media: sections.map((section) =>
          answerSection(section, request.offer, { ...send, ssrc: this.#ssrc[section.kind] }),
        ),
      },
      handler: viewer,
      attach: (peer) => {
        this.#viewers[this.#places]?.add(viewer);
        this.#places = (this.#places + 1) % TICKS_PER_ROUND;
        this.#deps.relay.downstreamCounters.subscriptions += sections.length;
        viewer.attach(peer);
      },
      abandon: () => viewer.abandon(),
      // By the channel of timed messages; one who did not open it is closed at the end.
      goaway: (uri) => viewer.onTimed(encodeGoawayMessage(uri)),
    };
  }

  /** Stops the timers and lets go of all broadcasts; the peers belong to their engine. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.#withdraw();
    this.#pacer.close();
    for (const broadcast of this.#broadcasts.values()) broadcast.close();
    this.#broadcasts.clear();
  }

  #find(path: string): WhepBroadcast {
    const existing = this.#broadcasts.get(path);
    if (existing?.followed.goneSinceMs === 0) return existing;
    const { relay } = this.#deps;
    if (relay.store.get(path) === undefined)
      throw new ProblemError(404, "Not Found", `No broadcast ${path} is known here.`);
    if (existing !== undefined) return existing;
    const broadcast = new WhepBroadcast(
      { path, ssrc: this.#ssrc, maxPayloadBytes: this.#options.maxPayloadBytes },
      this.#broadcastDeps(),
    );
    this.#broadcasts.set(path, broadcast);
    return broadcast;
  }

  #broadcastDeps(): WhepBroadcastDeps {
    const { relay, clock, logger } = this.#deps;
    const { counters } = this;
    return {
      store: relay.store,
      logger,
      nowMs: () => clock.nowMs(),
      nowUs: () => clock.nowUs(),
      onBadFrame: () => {
        counters.badFrames += 1;
      },
    };
  }

  #forget(viewer: WhepViewer): void {
    for (const viewers of this.#viewers) {
      if (viewers.delete(viewer)) this.#deps.relay.downstreamCounters.subscriptions -= viewer.sectionCount;
    }
  }

  #tick(): void {
    this.#ticks = (this.#ticks + 1) % TICKS_PER_ROUND;
    for (const viewer of this.#viewers[this.#ticks] ?? []) viewer.tick();
    if (this.#ticks === 0) this.#tickBroadcasts();
  }

  #tickBroadcasts(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const [path, broadcast] of this.#broadcasts) {
      broadcast.tick();
      const { goneSinceMs } = broadcast.followed;
      const gone = goneSinceMs !== 0 && nowMs - goneSinceMs > GONE_MS;
      if (gone) broadcast.endUsers();
      if (broadcast.users > 0 || (!gone && nowMs - broadcast.idleSinceMs < IDLE_MS)) continue;
      broadcast.close();
      this.#broadcasts.delete(path);
    }
  }

  #sum(field: "sentBytes" | "receivedBytes"): number {
    let sum = 0;
    for (const viewers of this.#viewers) {
      for (const { peer } of viewers) sum += peer?.stats()[field] ?? 0;
    }
    return sum;
  }
}

function bFrames(): ProblemError {
  return new ProblemError(
    422,
    "Unprocessable Content",
    "The broadcast's video has B-frames, which WebRTC cannot carry. Set B-frames to 0 in the encoder (OBS: Output, Advanced, Streaming; x264's tune zerolatency does it, too), or play it by another transport.",
    { type: WEBRTC_PROBLEMS.bFrames },
  );
}

function nothingPlayable(media: PlayableMedia): ProblemError {
  const has = media.video.length > 0 || media.audio !== undefined;
  const detail = has
    ? "The offer takes neither the broadcast's video (H.264, packetization mode 1) nor its audio (Opus)."
    : `The broadcast has no H.264 video or Opus audio for WebRTC${media.leftOut.length > 0 ? `, only ${media.leftOut.join(", ")}` : ""}.`;
  return new ProblemError(422, "Unprocessable Content", detail, { type: WEBRTC_PROBLEMS.noPlayableMedia });
}
