import { MediaError } from "@canopy/media";
import { compactNtp, ntpOfUnixUs, parseRtcp, type ReportBlock, type RtcpPacket } from "@canopy/media/rtp";
import type {
  WebRtcCloseReason,
  WebRtcDataChannel,
  WebRtcPeer,
  WebRtcPeerHandler,
  WebRtcPeerState,
} from "@canopy/transport/webrtc";
import type { CatchUpPacer } from "./catch-up-pacer.ts";
import type { ChosenSection } from "./choose-codecs.ts";
import { RenditionChooser } from "./choose-rendition.ts";
import type { PlayableMedia } from "./playable-media.ts";
import { RtpLeg } from "./rtp-leg.ts";
import type { RtpKind, RtpTrack } from "./rtp-track.ts";
import type { WhepBroadcast, WhepBroadcastUser } from "./whep-broadcast.ts";
import type { WhepCounters } from "./whep-counters.ts";
import type { SenderReportWriter } from "./write-sender-report.ts";

export interface WhepViewerOptions {
  readonly sections: readonly ChosenSection[];
  readonly media: PlayableMedia;
  /** The viewer may open the data channel of timed messages. */
  readonly hasData: boolean;
}

export interface WhepViewerDeps {
  readonly broadcast: WhepBroadcast;
  readonly pacer: CatchUpPacer;
  readonly counters: WhepCounters;
  readonly framesSent: Float64Array;
  readonly reports: Readonly<Record<RtpKind, SenderReportWriter>>;
  readonly nowMs: () => number;
  readonly nowUs: () => number;
  readonly onClosed: (viewer: WhepViewer) => void;
}

/** Label of the data channel on which timed messages go out as JSON. */
const TIMED_LABEL = "timed";
/** Messages that wait for the data channel: two seconds at the highest rate. At most 64 kB. */
const MAX_WAITING_MESSAGES = 64;
/** RTCP packets of one viewer per second; a browser sends under 30. */
const MAX_RTCP_PER_SECOND = 200;
/** So much longer may the shortest round trip get with each report, about one a second: paths change. */
const LONGER_PATH_MS = 5;
/** Loss reports of before the first packets were caught up say nothing. */
const SETTLE_MS = 3_000;
/**
 * Pause between two restarts at the cached keyframe: one has to arrive before the next can be of use. It doubles while
 * requests go on, so that nobody makes a node send whole groups without end, and is forgotten after a while of quiet.
 */
const FIRST_RESTART_PAUSE_MS = 500;
const MAX_RESTART_PAUSE_MS = 4_000;
const RESTART_QUIET_MS = 10_000;
/** What may be sent again in a second beyond a fifth of what was sent: a whole group of a slow stream. */
const RETRANSMIT_FLOOR = 300;
const RETRANSMIT_SHARE = 0.2;

/** One WHEP session: a leg per media section, the viewer's feedback, and what it is answered with. */
export class WhepViewer implements WebRtcPeerHandler, WhepBroadcastUser {
  readonly #deps: WhepViewerDeps;
  readonly #sections: readonly ChosenSection[];
  readonly #legs = new Map<RtpKind, RtpLeg>();
  readonly #chooser = new RenditionChooser();
  /** Tracks that are asked for already, before the legs follow them. */
  readonly #held: RtpTrack[] = [];
  #media: PlayableMedia;
  #peer: WebRtcPeer | undefined;
  #timed: WebRtcDataChannel | undefined;
  /** Messages of the time before the channel is open; none are kept for those who cannot open one. */
  readonly #waiting: string[] = [];
  readonly #hasData: boolean;
  #connectedAtMs = 0;
  #restartedAtMs = Number.NEGATIVE_INFINITY;
  #restartPauseMs = FIRST_RESTART_PAUSE_MS;
  #rtcpThisSecond = 0;
  #retransmitBudget = RETRANSMIT_FLOOR;
  #sentAtLastTick = 0;
  #estimateBps: number | undefined;
  #loss = 0;
  #roundTripMs = 0;
  /** Until the first report as long as any. */
  #shortestMs = Number.POSITIVE_INFINITY;

  constructor(options: WhepViewerOptions, deps: WhepViewerDeps) {
    this.#deps = deps;
    this.#sections = options.sections;
    this.#media = options.media;
    this.#hasData = options.hasData;
    deps.broadcast.add(this);
  }

  get sectionCount(): number {
    return this.#sections.length;
  }

  get peer(): WebRtcPeer | undefined {
    return this.#peer;
  }

  attach(peer: WebRtcPeer): void {
    this.#peer = peer;
    for (const section of this.#sections) {
      const leg = new RtpLeg(
        {
          payloadType: section.codec.payloadType,
          extensionId: section.extensionId,
          joinAt: section.kind === "video" ? "group" : "live",
          // Not near the wrap: SRTP guesses the upper half of its index from the first packet (RFC 3711 section 3.3.1).
          firstSequence: 1 + Math.floor(Math.random() * 0x7000),
        },
        {
          peer,
          pacer: this.#deps.pacer,
          framesSent: this.#deps.framesSent,
          release: (track) => this.#deps.broadcast.release(track),
        },
      );
      this.#legs.set(section.kind, leg);
    }
    if (this.#hasData) this.#deps.broadcast.followed.wantTimed();
    // Upstream begins to deliver while the handshakes are under way.
    this.#hold();
    if (peer.state === "connected") this.#start();
  }

  /** The engine did not answer. */
  abandon(): void {
    this.#deps.broadcast.remove(this);
  }

  // ------------------------------------------------------------ the peer's side

  onStateChange(state: WebRtcPeerState): void {
    if (state === "connected" && this.#peer !== undefined) this.#start();
  }

  /** Nothing is received in a WHEP session; a viewer who sends media all the same is not listened to. */
  onRtp(): void {
    this.#deps.counters.unexpectedPackets += 1;
  }

  onRtcp(packet: Uint8Array): void {
    this.#rtcpThisSecond += 1;
    if (this.#rtcpThisSecond > MAX_RTCP_PER_SECOND) {
      this.#deps.counters.rtcpDropped += 1;
      return;
    }
    let parsed: readonly RtcpPacket[];
    try {
      parsed = parseRtcp(packet);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#deps.counters.rtcpMalformed += 1;
      return;
    }
    for (const item of parsed) this.#onFeedback(item);
  }

  onDataChannel(channel: WebRtcDataChannel): void {
    if (channel.label !== TIMED_LABEL || this.#timed !== undefined) {
      channel.close();
      return;
    }
    this.#timed = channel;
    this.#sendWaiting();
  }

  onClose(_reason: WebRtcCloseReason): void {
    const { broadcast, counters } = this.#deps;
    if (this.#hasData && this.#peer !== undefined) broadcast.followed.unwantTimed();
    this.#timed = undefined;
    for (const leg of this.#legs.values()) leg.stop();
    this.#legs.clear();
    this.#letGo();
    if (this.#peer !== undefined) counters.addClosed(this.#peer.stats());
    broadcast.remove(this);
    this.#deps.onClosed(this);
  }

  // ------------------------------------------------------------ the broadcast's side

  onMedia(media: PlayableMedia): void {
    this.#media = media;
    // A publisher who comes back with B-frames: who asks again is told so, and can take another transport.
    if (media.hasBFrames && this.#legs.has("video")) this.#peer?.close();
    else if (this.#peer?.state === "connected") this.#chooseTracks();
  }

  onTimed(json: string): void {
    if (!this.#hasData) return;
    this.#waiting.push(json);
    this.#sendWaiting();
    if (this.#waiting.length <= MAX_WAITING_MESSAGES) return;
    this.#waiting.shift();
    this.#deps.counters.timedDropped += 1;
  }

  #sendWaiting(): void {
    const channel = this.#timed;
    if (channel === undefined || !channel.open) return;
    for (const json of this.#waiting.splice(0)) {
      if (!channel.send(json)) this.#deps.counters.timedDropped += 1;
    }
  }

  onEnd(): void {
    this.#peer?.close();
  }

  /** Once a second: sender reports, the rendition, the budgets. */
  tick(): void {
    this.#rtcpThisSecond = 0;
    const peer = this.#peer;
    if (peer === undefined || peer.state !== "connected") return;
    this.#sendWaiting();
    this.#sendReports(peer);
    let sent = 0;
    for (const leg of this.#legs.values()) sent += leg.packets;
    this.#retransmitBudget = RETRANSMIT_FLOOR + (sent - this.#sentAtLastTick) * RETRANSMIT_SHARE;
    this.#sentAtLastTick = sent;
    const nowMs = this.#deps.nowMs();
    if (nowMs - this.#connectedAtMs < SETTLE_MS) return;
    const before = this.#chooser.current;
    const bitrates = this.#media.video.map(({ bitrate }) => bitrate ?? 0);
    const queueMs = Math.max(0, this.#roundTripMs - this.#shortestMs);
    this.#chooser.update({ nowMs, estimateBps: this.#estimateBps, loss: this.#loss, queueMs, bitrates });
    if (this.#chooser.current === before) return;
    this.#deps.counters.renditionChanges += 1;
    this.#chooseTracks();
  }

  // ------------------------------------------------------------ media

  #hold(): void {
    const { broadcast } = this.#deps;
    for (const kind of this.#legs.keys()) {
      const name = this.#wanted(kind);
      if (name !== undefined) this.#held.push(broadcast.acquire(kind, name));
    }
  }

  #letGo(): void {
    for (const track of this.#held.splice(0)) this.#deps.broadcast.release(track);
  }

  #start(): void {
    if (this.#connectedAtMs !== 0) return;
    this.#connectedAtMs = this.#deps.nowMs();
    if (this.#peer !== undefined) this.#sendReports(this.#peer);
    this.#chooseTracks();
    this.#letGo();
  }

  #wanted(kind: RtpKind): string | undefined {
    const { video, audio } = this.#media;
    if (kind === "audio") return audio?.name;
    const { current } = this.#chooser;
    return current < 0 ? undefined : (video[current] ?? video[video.length - 1])?.name;
  }

  #chooseTracks(): void {
    for (const [kind, leg] of this.#legs) this.#choose(kind, leg);
  }

  #choose(kind: RtpKind, leg: RtpLeg): void {
    const name = this.#wanted(kind);
    if (name === undefined) leg.stop();
    else if (name !== (leg.pending ?? leg.track)?.name) leg.follow(this.#deps.broadcast.acquire(kind, name));
  }

  #sendReports(peer: WebRtcPeer): void {
    const nowUs = this.#deps.nowUs();
    for (const [kind, leg] of this.#legs) peer.sendRtcp(this.#deps.reports[kind].write(nowUs, leg));
  }

  // ------------------------------------------------------------ feedback

  #onFeedback(packet: RtcpPacket): void {
    const { counters } = this.#deps;
    switch (packet.kind) {
      case "nack":
        counters.nacks += 1;
        this.#onNack(packet.mediaSsrc, packet.sequences);
        break;
      case "pli":
        counters.plis += 1;
        this.#onPictureLoss();
        break;
      case "fir":
        counters.firs += 1;
        this.#onPictureLoss();
        break;
      case "remb":
        this.#estimateBps = packet.bitsPerSecond;
        for (const leg of this.#legs.values()) leg.setRate(packet.bitsPerSecond);
        break;
      case "receiver-report":
      case "sender-report":
        for (const report of packet.reports) this.#onReport(report);
        break;
      default:
        break;
    }
  }

  #onNack(ssrc: number, sequences: readonly number[]): void {
    const leg = this.#legOf(ssrc);
    if (leg === undefined) return;
    const { counters } = this.#deps;
    for (const sequence of sequences) {
      if (this.#retransmitBudget <= 0) {
        counters.retransmitsRefused += 1;
        continue;
      }
      const sent = leg.retransmit(sequence);
      this.#retransmitBudget -= Math.max(1, sent);
      counters.retransmitted += sent;
      if (sent === 0) counters.retransmitsRefused += 1;
    }
  }

  #legOf(ssrc: number): RtpLeg | undefined {
    for (const [kind, leg] of this.#legs) if (this.#deps.reports[kind].ssrc === ssrc) return leg;
    return undefined;
  }

  /** Answered from the cache, whoever and how many ask: nothing of it goes upstream. */
  #onPictureLoss(): void {
    const leg = this.#legs.get("video");
    const sinceMs = this.#deps.nowMs() - this.#restartedAtMs;
    if (leg === undefined || sinceMs < this.#restartPauseMs) return;
    const calm = sinceMs > RESTART_QUIET_MS;
    this.#restartPauseMs = calm
      ? FIRST_RESTART_PAUSE_MS
      : Math.min(MAX_RESTART_PAUSE_MS, this.#restartPauseMs * 2);
    this.#restartedAtMs = this.#deps.nowMs();
    if (leg.restart()) this.#deps.counters.restarts += 1;
  }

  #onReport(report: ReportBlock): void {
    if (report.ssrc !== this.#deps.reports.video.ssrc) return;
    this.#measureRoundTrip(report);
    // A report covers about a second; half of the new and half of the old smooths single bursts.
    this.#loss = this.#loss / 2 + report.fractionLost / 512;
  }

  /** RFC 3550 section 6.4.1: both times are in 1/65,536 s, modulo 2^32. */
  #measureRoundTrip({ lastSenderReport, delaySinceLastSenderReport }: ReportBlock): void {
    if (lastSenderReport === 0) return;
    const now = ntpOfUnixUs(this.#deps.nowUs());
    const ticks = (compactNtp(now.seconds, now.fraction) - lastSenderReport - delaySinceLastSenderReport) | 0;
    // What a viewer makes up may be anything; below zero are two clocks that were read apart.
    this.#roundTripMs = Math.max(0, (ticks * 1000) / 65_536);
    this.#shortestMs = Math.min(this.#roundTripMs, this.#shortestMs + LONGER_PATH_MS);
  }
}
