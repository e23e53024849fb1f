import { MediaError } from "@canopy/media";
import {
  parseRtcp,
  type RtcpPacket,
  RtpHeader,
  restoreRetransmitted,
  textExtension,
  transportSequence,
} from "@canopy/media/rtp";
import { RelayError } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import type {
  WebRtcCloseReason,
  WebRtcDataChannel,
  WebRtcPeer,
  WebRtcPeerHandler,
  WebRtcPeerState,
} from "@canopy/transport/webrtc";
import type { BroadcastIngest } from "../../ingest/broadcast-ingest.ts";
import type { BroadcastRegistry } from "../../ingest/broadcast-registry.ts";
import type { Publisher } from "../../ingest/publisher.ts";
import { OriginError } from "../../origin-error.ts";
import type { ChosenMedia, ChosenSection, ChosenVideo } from "./choose-media.ts";
import { MAX_TICK_MS } from "./reorder-buffer.ts";
import { RtcpSender } from "./rtcp-sender.ts";
import type { RtpSource } from "./rtp-source.ts";
import { SenderClock } from "./sender-timeline.ts";
import { SourceTable } from "./source-table.ts";
import { WhipAudio } from "./whip-audio.ts";
import type { WhipCounters } from "./whip-counters.ts";
import type { WhipOptions } from "./whip-options.ts";
import { WhipVideo } from "./whip-video.ts";

export interface WhipSessionOptions {
  readonly path: string;
  readonly remoteAddress: string;
  readonly media: ChosenMedia;
  readonly whip: WhipOptions;
  /** SSRC of the receiver, for its RTCP. */
  readonly ssrc: number;
}

export interface WhipSessionDeps {
  readonly registry: BroadcastRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: WhipCounters;
  /** The publisher is connected; the returned function is called when it is gone. */
  readonly onPublisher: (publisher: Publisher, path: string) => () => void;
  /** Called once, last. */
  readonly onOver: (session: WhipSession) => void;
}

/** A publisher that sends neither media nor RTCP, which every WebRTC sender does each second, is gone. */
const SILENT_MS = 2_500;
/** A session that is silent for this long is not worth its memory. */
const IDLE_MS = 15_000;
/** Senders send a few reports a second per source; the rest is a flood. */
const MAX_RTCP_PER_SECOND = 200;
const SECOND_MS = 1_000;
const VIDEO_TRACK = "video";
const AUDIO_TRACK = "audio";
/** The place of the one stream of a section without simulcast. */
const ONLY = "";

/**
 * One WHIP publisher from its answered offer to its end. The broadcast is opened when the connection is established,
 * so that a POST alone neither announces anything nor takes a path from anybody.
 */
export class WhipSession implements WebRtcPeerHandler {
  readonly #options: WhipSessionOptions;
  readonly #deps: WhipSessionDeps;
  readonly #publisher: Publisher;
  readonly #senderClock = new SenderClock();
  #video = new SourceTable<WhipVideo>();
  #audio = new SourceTable<WhipAudio>();
  readonly #rtcp: RtcpSender;
  readonly #header = new RtpHeader();
  /** From an SSRC of repeats to the name of the layer. */
  readonly #repairs = new Map<number, string>();
  #sources: RtpSource[] = [];
  #peer: WebRtcPeer | undefined;
  #ingest: BroadcastIngest | undefined;
  #notifyOver: (() => void) | undefined;
  #lastPacketMs = 0;
  #tickedMs = 0;
  #isIdle = false;
  #rtcpThisSecond = 0;
  #secondMs = 0;
  #countedBytes = 0;

  constructor(options: WhipSessionOptions, deps: WhipSessionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#publisher = {
      protocol: "whip",
      remoteAddress: options.remoteAddress,
      isSilent: () => this.#isSilent(),
      kick: () => this.#peer?.close(),
    };
    const { media, whip } = options;
    this.#rtcp = new RtcpSender(
      {
        ssrc: options.ssrc,
        cname: "canopy",
        bandwidth: media.bandwidth,
        keyframeRequest: media.video?.keyframeRequest,
        maxVideoKbps: whip.maxVideoKbps,
      },
      { send: (packet) => void this.#peer?.sendRtcp(packet) },
    );
  }

  /** The engine has answered. */
  attach(peer: WebRtcPeer): void {
    this.#peer = peer;
  }

  close(): void {
    this.#peer?.close();
  }

  // ------------------------------------------------------------------ WebRtcPeerHandler

  onStateChange(state: WebRtcPeerState): void {
    if (state !== "connected" || this.#ingest !== undefined) return;
    this.#lastPacketMs = this.#deps.clock.nowMs();
    if (this.#openBroadcast() === undefined) return;
    this.#notifyOver ??= this.#deps.onPublisher(this.#publisher, this.#options.path);
  }

  onRtp(mid: string, packet: Uint8Array): void {
    const header = this.#header;
    try {
      header.read(packet);
    } catch (error) {
      this.#malformed(error);
      return;
    }
    const nowUs = this.#deps.clock.nowUs();
    this.#lastPacketMs = nowUs / 1_000;
    const ingest = this.#ingest ?? this.#openBroadcast();
    if (ingest === undefined) return;
    const { video, audio } = this.#options.media;
    const section = mid === video?.mid ? video : mid === audio?.mid ? audio : undefined;
    if (section === undefined) {
      this.#deps.counters.dropped("unexpected");
      return;
    }
    const { transportExtension } = section;
    const sequence = transportExtension > 0 ? transportSequence(packet, header, transportExtension) : -1;
    this.#rtcp.packet(sequence, packet.length, nowUs);
    if (video?.repair?.payloadType === header.payloadType && section === video) {
      this.#takeRepeat(video, packet, nowUs / 1_000);
      return;
    }
    const source = this.#sourceOf(section, packet, ingest);
    if (source === undefined) this.#deps.counters.dropped("unexpected");
    else source.push(packet, header, nowUs / 1_000);
  }

  onRtcp(packet: Uint8Array): void {
    const nowMs = this.#deps.clock.nowMs();
    this.#lastPacketMs = nowMs;
    this.#rtcpThisSecond += 1;
    if (this.#rtcpThisSecond > MAX_RTCP_PER_SECOND) {
      this.#deps.counters.dropped("rtcp-rate");
      return;
    }
    let parsed: RtcpPacket[];
    try {
      parsed = parseRtcp(packet);
    } catch (error) {
      this.#malformed(error);
      return;
    }
    for (const one of parsed) {
      if (one.kind === "sender-report") this.#find(one.ssrc)?.senderReport(one, nowMs);
      else if (one.kind === "goodbye") {
        for (const ssrc of one.ssrcs) {
          const source = this.#find(ssrc);
          if (source !== undefined) source.saidGoodbye = true;
        }
      }
    }
  }

  onDataChannel(channel: WebRtcDataChannel): void {
    // None was answered.
    channel.close();
  }

  onClose(reason: WebRtcCloseReason): void {
    const { registry, logger, onOver } = this.#deps;
    this.#countBytes();
    logger.debug({ broadcast: this.#options.path, reason, ...this.#losses() }, "a whip session is over");
    // Closed by us: the publisher has ended its session, or may not go on.
    const isEnded = reason === "local" && !this.#isIdle;
    if (this.#ingest !== undefined)
      registry.release(this.#ingest, this.#publisher, isEnded ? "ended" : "lost");
    this.#ingest = undefined;
    this.#notifyOver?.();
    onOver(this);
  }

  // ------------------------------------------------------------------ the clock

  /** Called some 50 times a second, for all sessions by one timer. */
  tick(nowMs: number): void {
    // A pause of this process is not the publisher's silence: what came meanwhile is yet to be read.
    const pausedMs = Math.max(0, nowMs - this.#tickedMs - MAX_TICK_MS);
    this.#lastPacketMs = Math.min(nowMs, this.#lastPacketMs + pausedMs);
    this.#tickedMs = nowMs;
    if (nowMs - this.#secondMs >= SECOND_MS) {
      this.#secondMs = nowMs;
      this.#rtcpThisSecond = 0;
      this.#countBytes();
      this.#checkSilence(nowMs);
    }
    if (this.#ingest === undefined || this.#peer?.state !== "connected") return;
    for (const source of this.#sources) {
      source.buffer.tick(nowMs);
      this.#rtcp.askForMissing(source, nowMs);
    }
    for (const video of this.#video) {
      if (video.takeKeyframeRequest(nowMs)) this.#rtcp.askForKeyframe(video.source);
    }
    this.#rtcp.tick(this.#sources, nowMs);
  }

  /**
   * A silent publisher has lost its way to us, or it is gone and nobody can tell for half a minute (RFC 7675): its
   * broadcast waits for it, as for one whose connection has ended, and goes on when its packets come again.
   */
  #checkSilence(nowMs: number): void {
    const silentMs = nowMs - this.#lastPacketMs;
    if (this.#peer === undefined || this.#peer.state === "connecting") return;
    if (this.#ingest !== undefined && silentMs > SILENT_MS) {
      this.#deps.registry.release(this.#ingest, this.#publisher);
      this.#ingest = undefined;
    }
    if (silentMs <= IDLE_MS) return;
    this.#isIdle = true;
    this.close();
  }

  #openBroadcast(): BroadcastIngest | undefined {
    const { registry, logger, counters } = this.#deps;
    const { path } = this.#options;
    if (this.#peer?.state !== "connected") return undefined;
    try {
      this.#ingest = registry.open(path, this.#publisher);
    } catch (error) {
      if (!(error instanceof OriginError)) throw error;
      counters.refused(error.code);
      // It was free when the offer was answered; WHIP has no way to tell more than the end of the connection.
      logger.info(
        { code: error.code, broadcast: path },
        "a whip publisher was refused after it was connected",
      );
      this.close();
      return undefined;
    }
    // What was received before a silence belongs to lanes that another publisher may have had meanwhile.
    this.#video = new SourceTable();
    this.#audio = new SourceTable();
    this.#sources = [];
    return this.#ingest;
  }

  // ------------------------------------------------------------------ sources

  #find(ssrc: number): RtpSource | undefined {
    return (this.#video.get(ssrc) ?? this.#audio.get(ssrc))?.source;
  }

  /** Undefined: not to be taken. `#header` is that of `packet`. */
  #sourceOf(section: ChosenSection, packet: Uint8Array, ingest: BroadcastIngest): RtpSource | undefined {
    const { payloadType, ssrc } = this.#header;
    const { video, audio } = this.#options.media;
    if (section === video) {
      if (payloadType !== video.payloadType) return undefined;
      return this.#video.get(ssrc)?.source ?? this.#openVideo(packet, ingest);
    }
    if (audio === undefined || (payloadType !== audio.payloadType && payloadType !== audio.redundantType))
      return undefined;
    return this.#audio.get(ssrc)?.source ?? this.#openAudio(ingest);
  }

  /** `#header` is that of `packet`. */
  #takeRepeat(video: ChosenVideo, packet: Uint8Array, nowMs: number): void {
    const source = this.#repairedBy(video, packet);
    // Without a source, or without a payload, it only tries what the way carries.
    if (source === undefined) return;
    try {
      const restored = restoreRetransmitted(packet, this.#header, video.payloadType, source.ssrc);
      if (restored !== undefined) source.repeat(restored, nowMs);
    } catch (error) {
      this.#malformed(error);
    }
  }

  /** The source whose packets a stream repeats: by its layer's name, by what the offer says, or the one there is. */
  #repairedBy(video: ChosenVideo, packet: Uint8Array): RtpSource | undefined {
    const { ssrc } = this.#header;
    const known = this.#repairs.get(ssrc);
    if (known !== undefined) return this.#video.at(known)?.source;
    const { rids, repair } = video;
    if (rids.length === 0) {
      const declared = repair?.ssrcs.get(ssrc);
      return declared === undefined ? this.#video.at(ONLY)?.source : this.#video.get(declared)?.source;
    }
    const rid = textExtension(packet, this.#header, repair?.ridExtension ?? 0);
    if (rid === undefined || !rids.includes(rid)) return undefined;
    // The name comes only until the first report, so it is remembered; the engine bounds the number of sources.
    this.#repairs.set(ssrc, rid);
    return this.#video.at(rid)?.source;
  }

  #openVideo(packet: Uint8Array, ingest: BroadcastIngest): RtpSource | undefined {
    const { media, whip } = this.#options;
    const { video } = media;
    if (video === undefined) return undefined;
    const rid = video.rids.length === 0 ? ONLY : textExtension(packet, this.#header, video.ridExtension);
    if (rid === undefined || (rid !== ONLY && !video.rids.includes(rid))) return undefined;
    if (!this.#mayOpen(this.#video, video, rid)) return undefined;
    const { ssrc } = this.#header;
    const track = rid === ONLY ? VIDEO_TRACK : `${VIDEO_TRACK}-${rid}`;
    return this.#open(this.#video, rid, () => {
      const { canRepeat, parameterSets } = video;
      return new WhipVideo({ ...whip, ssrc, track, canRepeat, parameterSets }, this.#writerDeps(ingest));
    });
  }

  #openAudio(ingest: BroadcastIngest): RtpSource | undefined {
    const { media, whip } = this.#options;
    const { audio } = media;
    if (audio === undefined || !this.#mayOpen(this.#audio, audio, ONLY)) return undefined;
    const { ssrc } = this.#header;
    return this.#open(this.#audio, ONLY, () => {
      const { canRepeat, payloadType, redundantType } = audio;
      const options = { ...whip, ssrc, track: AUDIO_TRACK, canRepeat, payloadType, redundantType };
      return new WhipAudio(options, this.#writerDeps(ingest));
    });
  }

  #mayOpen(
    table: SourceTable<WhipVideo> | SourceTable<WhipAudio>,
    section: ChosenSection,
    place: string,
  ): boolean {
    const { ssrc } = this.#header;
    // Layers that are named by RID come without declared sources.
    const isDeclared = section.ssrcs.length === 0 || place !== ONLY || section.ssrcs.includes(ssrc);
    return isDeclared && this.#find(ssrc) === undefined && table.isFree(place, this.#lastPacketMs);
  }

  #open<W extends WhipVideo | WhipAudio>(
    table: SourceTable<W>,
    place: string,
    create: () => W,
  ): RtpSource | undefined {
    try {
      const writer = create();
      table.set(place, writer);
      this.#sources = [...this.#video, ...this.#audio].map(({ source }) => source);
      return writer.source;
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      this.#deps.logger.info(
        { code: error.code, broadcast: this.#options.path },
        "a whip stream has no room",
      );
      this.close();
      return undefined;
    }
  }

  #writerDeps(ingest: BroadcastIngest) {
    const { clock, counters } = this.#deps;
    return { ingest, clock, counters, senderClock: this.#senderClock };
  }

  // ------------------------------------------------------------------ counts

  #isSilent(): boolean {
    const isConnected = this.#peer?.state === "connected";
    return !isConnected || this.#deps.clock.nowMs() - this.#lastPacketMs > SILENT_MS;
  }

  #malformed(error: unknown): void {
    if (!(error instanceof MediaError)) throw error;
    this.#deps.counters.dropped("malformed");
  }

  #countBytes(): void {
    const bytes = this.#peer?.stats().receivedBytes ?? 0;
    if (bytes > this.#countedBytes) this.#deps.counters.receivedBytes(bytes - this.#countedBytes);
    this.#countedBytes = bytes;
  }

  #losses(): { readonly lost: number; readonly recovered: number } {
    let lost = 0;
    let recovered = 0;
    for (const { buffer } of this.#sources) {
      lost += buffer.lost;
      recovered += buffer.recovered;
    }
    return { lost, recovered };
  }
}
