import { RTP_HEADER_BYTES, sequenceDistance } from "@canopy/media/rtp";
import type { WebRtcPeer } from "@canopy/transport/webrtc";
import type { CatchUpPacer, PacedSender } from "./catch-up-pacer.ts";
import { EXTENSION_ID_OFFSET, type RtpFollower, type RtpTrack } from "./rtp-track.ts";

export interface RtpLegOptions {
  readonly payloadType: number;
  /** Id of the abs-send-time extension in this session; one that the viewer has not mapped is ignored by him. */
  readonly extensionId: number;
  /** Where a viewer begins: at the newest group's start, or with the next packet. */
  readonly joinAt: "group" | "live";
  readonly firstSequence: number;
}

export interface RtpLegDeps {
  readonly peer: Pick<WebRtcPeer, "sendRtp">;
  readonly pacer: Pick<CatchUpPacer, "add" | "remove">;
  /** The node's counts of frames by kind: video, audio. */
  readonly framesSent: Float64Array;
  /** Gives a track back that the leg was given with `follow` and does not use any more. */
  readonly release: (track: RtpTrack) => void;
}

/** A run of packets of one track that went to the viewer with consecutive sequence numbers. */
interface Segment {
  readonly track: RtpTrack;
  /** Number in the track's ring of the first packet. */
  readonly firstNumber: number;
  /** Count of packets that the viewer had been sent before. */
  readonly firstCount: number;
}

const MARKER_BIT = 0x80;
/** Segments that a NACK may still reach back into: one per restart or change of rendition. */
const SEGMENTS_KEPT = 4;
/** More than this many waiting packets are sent in portions; a keyframe of 40 kB goes out at once. */
const BURST_PACKETS = 32;
/** 16 packets each 5 ms are 30 Mbit/s. */
const PORTION_PACKETS = 16;
const MIN_PORTION_PACKETS = 2;
/** Packets of which is known that they were sent again: those of the last second or so. A power of two; 1 kB. */
const REPEATS_KEPT = 256;
/** Oldest packet that is sent again, in packets. Beyond that no receiver waits. */
const MAX_NACK_AGE = 2_048;

/**
 * One viewer's stream of one media section. Sequence numbers are the viewer's own and have no gaps, whatever tracks and
 * groups the packets come from, so that a change of rendition and a restart look like one stream; timestamps are the
 * media time and need no rewriting. Nothing is allocated per packet.
 */
export class RtpLeg implements RtpFollower, PacedSender {
  /** Packets and payload bytes sent, retransmissions included, for sender reports. */
  packets = 0;
  octets = 0;
  retransmitted = 0;
  /** Where the bits of the rate budget come from; see `setRate`. */
  #portion = PORTION_PACKETS;
  readonly #options: RtpLegOptions;
  readonly #deps: RtpLegDeps;
  readonly #segments: Segment[] = [];
  /** Sequence numbers of what was sent again, by their last bits. */
  readonly #repeated = new Int32Array(REPEATS_KEPT).fill(-1);
  #track: RtpTrack | undefined;
  #pending: RtpTrack | undefined;
  /** Ring number of the next packet; -1 while waiting for a place to begin. */
  #next = -1;
  /** Packets that were given a sequence number. */
  #count = 0;
  #pacing = false;

  constructor(options: RtpLegOptions, deps: RtpLegDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  get track(): RtpTrack | undefined {
    return this.#track;
  }

  /** The track that is being changed to, if a change is under way. */
  get pending(): RtpTrack | undefined {
    return this.#pending;
  }

  /** Begins with `track`, or changes to it at its next group. The leg gives it back in the end. */
  follow(track: RtpTrack): void {
    this.#cancelPending();
    if (track === this.#track) {
      this.#deps.release(track);
      return;
    }
    if (this.#track !== undefined && this.#next >= 0) this.#pending = track;
    else this.#use(track);
    track.follow(this);
    if (this.#track === track && this.#options.joinAt === "group") this.restart();
  }

  /** Sends nothing more until `follow`. */
  stop(): void {
    this.#cancelPending();
    this.#use(undefined);
    this.#deps.pacer.remove(this);
    this.#pacing = false;
  }

  /** Bits per second that the viewer's path is thought to carry; bounds how fast missed packets are made up for. */
  setRate(bitsPerSecond: number): void {
    const packets = Math.floor((bitsPerSecond * 1.5 * 0.005) / 8 / 1_200);
    this.#portion = Math.max(MIN_PORTION_PACKETS, Math.min(PORTION_PACKETS, packets));
  }

  /** Once more from the start of the newest group. False: there is none whole in the ring. */
  restart(): boolean {
    const track = this.#track;
    if (track === undefined || this.#options.joinAt !== "group") return false;
    if (track.groupStart < track.ring.start || track.groupStart < 0) {
      this.#next = -1;
      return false;
    }
    this.#startSegment(track, track.groupStart);
    this.#pump();
    return true;
  }

  onPackets(track: RtpTrack, first: number, startsGroup: boolean): void {
    if (track !== this.#track) {
      // The old rendition goes on until the new one has a picture to begin with.
      if (track !== this.#pending || !startsGroup) return;
      this.#pending = undefined;
      this.#use(track);
      this.#startSegment(track, first);
    } else if (this.#next < 0) {
      if (!startsGroup && this.#options.joinAt === "group") return;
      this.#startSegment(track, first);
    }
    if (!this.#pacing) this.#pump();
  }

  sendPortion(): boolean {
    const track = this.#track;
    if (track === undefined || this.#next < 0) return false;
    const end = Math.min(track.ring.end, this.#next + this.#portion);
    this.#sendUntil(track, end);
    this.#pacing = this.#next >= 0 && this.#next < track.ring.end;
    return this.#pacing;
  }

  /**
   * Sends a packet again, the same to the bit; twice if that was done before: then the request or the answer was lost,
   * and each further try costs the viewer a round trip. Returns how many were sent. None: it is not here any more, or
   * never was.
   */
  retransmit(sequence: number): number {
    const newest = this.#count - 1;
    const last = (this.#options.firstSequence + newest) & 0xffff;
    const back = -sequenceDistance(last, sequence);
    if (newest < 0 || back < 0 || back > MAX_NACK_AGE || back > newest) return 0;
    const count = newest - back;
    for (let index = this.#segments.length - 1; index >= 0; index -= 1) {
      const segment = this.#segments[index];
      if (segment === undefined || count < segment.firstCount) continue;
      const packet = segment.track.ring.at(segment.firstNumber + count - segment.firstCount);
      if (packet === undefined) return 0;
      const place = sequence & (REPEATS_KEPT - 1);
      const copies = this.#repeated[place] === sequence ? 2 : 1;
      this.#repeated[place] = sequence;
      this.retransmitted += copies;
      for (let copy = 0; copy < copies; copy += 1) this.#send(packet, sequence);
      return copies;
    }
    return 0;
  }

  #use(track: RtpTrack | undefined): void {
    const former = this.#track;
    this.#track = track;
    this.#next = -1;
    if (former === undefined) return;
    former.unfollow(this);
    this.#deps.release(former);
  }

  #cancelPending(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    pending.unfollow(this);
    this.#deps.release(pending);
  }

  #startSegment(track: RtpTrack, firstNumber: number): void {
    this.#next = firstNumber;
    this.#segments.push({ track, firstNumber, firstCount: this.#count });
    if (this.#segments.length > SEGMENTS_KEPT) this.#segments.shift();
  }

  #pump(): void {
    const track = this.#track;
    if (track === undefined || this.#next < 0) return;
    if (track.ring.end - this.#next <= BURST_PACKETS) {
      this.#sendUntil(track, track.ring.end);
      return;
    }
    if (this.sendPortion()) this.#deps.pacer.add(this);
  }

  #sendUntil(track: RtpTrack, end: number): void {
    const { ring } = track;
    while (this.#next >= 0 && this.#next < end) {
      const packet = ring.at(this.#next);
      if (packet === undefined) {
        // So far behind that the ring has gone on without this viewer.
        this.#next = -1;
        return;
      }
      this.#next += 1;
      this.#countFrame(track, packet);
      this.#send(packet, (this.#options.firstSequence + this.#count) & 0xffff);
      this.#count += 1;
    }
  }

  /** The marker bit ends a picture (RFC 6184 section 5.1); sound has a frame in each packet. */
  #countFrame(track: RtpTrack, packet: Uint8Array): void {
    const place = track.kind === "video" ? 0 : 1;
    if (place === 1 || (packet[1] as number) >= MARKER_BIT)
      this.#deps.framesSent[place] = (this.#deps.framesSent[place] ?? 0) + 1;
  }

  /** Writes the viewer's own fields into the shared bytes; the peer takes a copy before this returns. */
  #send(packet: Uint8Array, sequence: number): boolean {
    packet[1] = ((packet[1] as number) & MARKER_BIT) | this.#options.payloadType;
    packet[2] = sequence >>> 8;
    packet[3] = sequence & 0xff;
    packet[EXTENSION_ID_OFFSET] = (this.#options.extensionId << 4) | 2;
    this.packets += 1;
    this.octets += packet.byteLength - RTP_HEADER_BYTES - 8;
    return this.#deps.peer.sendRtp(packet);
  }
}
