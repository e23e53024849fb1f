import { RtcpReceiverInfo } from "werift-rtp";

/** What a receiver of one RTP stream saw. */
export interface RtpReceptionStats {
  packets: number;
  bytes: number;
  duplicates: number;
  /** Packets that were noticed as missing. */
  missed: number;
  /** Missing packets that came after all, mostly because they were asked for. */
  recovered: number;
  /** Missing packets that were waited for in vain. */
  givenUp: number;
  /** Requests for a packet, counting each repetition. */
  nacks: number;
  frames: number;
  keyframes: number;
  /** Frames that a decoder could not have shown: damaged, or between damage and the next keyframe. */
  brokenFrames: number;
  /** Whole frames that are not newer than one before: what a sender repeats from its cache after a loss. */
  repeatedFrames: number;
  /** Times without a whole, decodable frame for over `FREEZE_MS`. */
  freezes: number;
  frozenMs: number;
  longestPauseMs: number;
}

export interface RtpReceptionOptions {
  readonly clockRate: number;
  /** Frames of video depend on each other back to a keyframe; a packet of audio is a frame of its own. */
  readonly kind: "video" | "audio";
}

export interface RtpReceptionDeps {
  /** A whole frame that a decoder can show, in the order of the stream. Its last packet came at `nowMs`. */
  readonly onFrame?: (rtpTimestamp: number, keyframe: boolean, nowMs: number) => void;
}

/** As the issue of every player: half a second of standing picture is seen by everybody. */
export const FREEZE_MS = 500;
/** Packets that are kept in order and waited for; 13 s of video at 150 packets/s. A power of two. */
const WINDOW_PACKETS = 2_048;
/** A packet that is only out of order needs no request. */
const REORDER_GRACE_MS = 10;
/** First guess of how long a request takes to be answered. */
const FIRST_ROUND_TRIP_MS = 80;
const MIN_RETRY_MS = 20;
/** As libwebrtc's `kMaxNackRetries`. */
const MAX_NACKS_PER_PACKET = 10;
/** Then what is there is shown and the rest is lost. */
const GIVE_UP_MS = 1_000;
/** Packets of one request, so that it fits a datagram. */
const MAX_NACKS_AT_ONCE = 200;
/** How long a keyframe that was asked for may take before it is asked for again. */
const KEYFRAME_RETRY_MS = 500;

interface Missing {
  readonly noticedMs: number;
  askedMs: number;
  asked: number;
}

/**
 * One RTP stream as a receiver sees it, without sockets and clocks: restores the order, names what is missing and
 * when to ask for it again, and counts whole frames, freezes and losses. Sequence numbers are extended to 32 bits
 * and more (RFC 3550 section A.1), so the ring needs no care at the wrap.
 */
export class RtpReception {
  readonly stats: RtpReceptionStats = {
    packets: 0,
    bytes: 0,
    duplicates: 0,
    missed: 0,
    recovered: 0,
    givenUp: 0,
    nacks: 0,
    frames: 0,
    keyframes: 0,
    brokenFrames: 0,
    repeatedFrames: 0,
    freezes: 0,
    frozenMs: 0,
    longestPauseMs: 0,
  };
  ssrc = 0;
  readonly #options: RtpReceptionOptions;
  readonly #onFrame: NonNullable<RtpReceptionDeps["onFrame"]>;
  readonly #sequences = new Float64Array(WINDOW_PACKETS).fill(-1);
  readonly #timestamps = new Float64Array(WINDOW_PACKETS);
  readonly #flags = new Uint8Array(WINDOW_PACKETS);
  readonly #missing = new Map<number, Missing>();
  #first = -1;
  /** The next packet in order. */
  #next = -1;
  #highest = -1;
  #roundTripMs = FIRST_ROUND_TRIP_MS;

  #frameTimestamp = -1;
  #frameHasKey = false;
  #frameIsDamaged = true;
  /** Until a keyframe nothing can be decoded. */
  #chainIsBroken: boolean;
  #brokenSinceMs = -1;
  #keyframeAskedMs = Number.NEGATIVE_INFINITY;
  #newestTimestamp = 0;
  #lastFrameMs = -1;

  #transitMs = Number.NaN;
  #jitterMs = 0;
  #reportedExpected = 0;
  #reportedPackets = 0;

  constructor(options: RtpReceptionOptions, deps: RtpReceptionDeps = {}) {
    this.#options = options;
    this.#onFrame = deps.onFrame ?? (() => {});
    this.#chainIsBroken = options.kind === "video";
  }

  /** The next packet from the wire. It is not kept. */
  take(packet: Buffer, nowMs: number): void {
    if (packet.byteLength < 12) return;
    const { stats } = this;
    stats.packets++;
    stats.bytes += packet.byteLength;
    this.ssrc = packet.readUInt32BE(8);
    const sequence = this.#extend(packet.readUInt16BE(2));
    const timestamp = packet.readUInt32BE(4);
    this.#measureJitter(timestamp, nowMs);
    if (this.#first < 0) {
      this.#first = sequence;
      this.#next = sequence;
      this.#highest = sequence - 1;
      this.#brokenSinceMs = nowMs;
    }
    const slot = sequence & (WINDOW_PACKETS - 1);
    if (sequence < this.#next || this.#sequences[slot] === sequence) {
      stats.duplicates++;
      return;
    }
    if (sequence >= this.#next + WINDOW_PACKETS) this.#skipTo(sequence - WINDOW_PACKETS + 1, nowMs);
    this.#sequences[slot] = sequence;
    this.#timestamps[slot] = timestamp;
    this.#flags[slot] = (packet.readUInt8(1) & MARKER) | (isKeyPacket(packet) ? KEY : 0);
    if (sequence > this.#highest) {
      for (let lost = this.#highest + 1; lost < sequence; lost++) {
        if (lost < this.#next) continue;
        this.#missing.set(lost, { noticedMs: nowMs, askedMs: 0, asked: 0 });
        stats.missed++;
      }
      this.#highest = sequence;
    } else {
      this.#recover(sequence, nowMs);
    }
    this.#advance(nowMs);
  }

  /** Sequence numbers (16 bits) to ask for now. Gives up what has been missing for too long. */
  nacks(nowMs: number): number[] {
    const due: number[] = [];
    let giveUpTo = -1;
    for (const [sequence, missing] of this.#missing) {
      if (nowMs - missing.noticedMs >= GIVE_UP_MS) {
        giveUpTo = Math.max(giveUpTo, sequence + 1);
        continue;
      }
      if (missing.asked >= MAX_NACKS_PER_PACKET || due.length >= MAX_NACKS_AT_ONCE) continue;
      const wait = missing.asked === 0 ? REORDER_GRACE_MS : Math.max(MIN_RETRY_MS, this.#roundTripMs);
      if (nowMs - (missing.asked === 0 ? missing.noticedMs : missing.askedMs) < wait) continue;
      missing.asked++;
      missing.askedMs = nowMs;
      due.push(sequence & 0xffff);
    }
    if (giveUpTo >= 0) this.#skipTo(giveUpTo, nowMs);
    this.stats.nacks += due.length;
    return due;
  }

  /** Whether to ask for a keyframe now (PLI, RFC 4585 section 6.3.1). */
  wantsKeyframe(nowMs: number): boolean {
    if (this.#options.kind === "audio" || this.#first < 0 || !this.#chainIsBroken) return false;
    if (nowMs - this.#brokenSinceMs < KEYFRAME_RETRY_MS && this.stats.keyframes === 0) return false;
    if (nowMs - this.#keyframeAskedMs < KEYFRAME_RETRY_MS) return false;
    this.#keyframeAskedMs = nowMs;
    return true;
  }

  /** The block of a receiver report (RFC 3550 section 6.4.1); undefined before the first packet. */
  report(lsr: number, dlsr: number): RtcpReceiverInfo | undefined {
    if (this.#first < 0) return undefined;
    const expected = this.#highest - this.#first + 1;
    const packets = this.stats.packets - this.stats.duplicates;
    const expectedNow = expected - this.#reportedExpected;
    const lostNow = Math.max(0, expectedNow - (packets - this.#reportedPackets));
    this.#reportedExpected = expected;
    this.#reportedPackets = packets;
    return new RtcpReceiverInfo({
      ssrc: this.ssrc,
      fractionLost: expectedNow > 0 ? Math.min(255, Math.floor((lostNow * 256) / expectedNow)) : 0,
      packetsLost: Math.max(0, Math.min(0x7fffff, expected - packets)),
      highestSequence: this.#highest >>> 0,
      jitter: Math.round((this.#jitterMs * this.#options.clockRate) / 1000),
      lsr,
      dlsr,
    });
  }

  /** Ends the measurement: a picture that stands still at the end counts as well. */
  finish(nowMs: number): void {
    if (this.#lastFrameMs >= 0) this.#notePause(nowMs);
  }

  /** From 16 bits to the number nearest to the highest so far. */
  #extend(sequence: number): number {
    // Starts one cycle up, so that a packet from before the first one stays positive.
    if (this.#first < 0) return sequence + 0x10000;
    const distance = ((sequence - this.#highest + 0x8000) & 0xffff) - 0x8000;
    return this.#highest + distance;
  }

  #recover(sequence: number, nowMs: number): void {
    const missing = this.#missing.get(sequence);
    if (missing === undefined) return;
    this.#missing.delete(sequence);
    this.stats.recovered++;
    if (missing.asked === 1) this.#roundTripMs += (nowMs - missing.askedMs - this.#roundTripMs) / 8;
  }

  /** Takes the packets that are in order now. */
  #advance(nowMs: number): void {
    for (;;) {
      const slot = this.#next & (WINDOW_PACKETS - 1);
      if (this.#sequences[slot] !== this.#next) return;
      this.#consume(this.#timestamps[slot] ?? 0, this.#flags[slot] ?? 0, nowMs);
      this.#next++;
    }
  }

  #consume(timestamp: number, flags: number, nowMs: number): void {
    if (this.#options.kind === "audio") {
      this.#finishFrame(timestamp, false, nowMs);
      return;
    }
    if (timestamp !== this.#frameTimestamp) {
      this.#frameTimestamp = timestamp;
      this.#frameHasKey = false;
    }
    if ((flags & KEY) !== 0) {
      this.#frameHasKey = true;
      // Before the SPS of a picture there is at most an access unit delimiter: nothing that is missed.
      this.#frameIsDamaged = false;
    }
    if ((flags & MARKER) === 0) return;
    const keyframe = this.#frameHasKey && !this.#frameIsDamaged;
    if (keyframe) this.#chainIsBroken = false;
    if (this.#frameIsDamaged || this.#chainIsBroken) this.stats.brokenFrames++;
    else this.#finishFrame(timestamp, keyframe, nowMs);
    this.#frameIsDamaged = false;
    this.#frameTimestamp = -1;
  }

  #finishFrame(timestamp: number, keyframe: boolean, nowMs: number): void {
    const isNewer = this.stats.frames === 0 || ((timestamp - this.#newestTimestamp) | 0) > 0;
    if (!isNewer && this.#options.kind === "video") {
      this.stats.repeatedFrames++;
      return;
    }
    this.#newestTimestamp = timestamp;
    this.stats.frames++;
    if (keyframe) this.stats.keyframes++;
    if (this.#lastFrameMs >= 0) this.#notePause(nowMs);
    this.#lastFrameMs = nowMs;
    this.#onFrame(timestamp, keyframe, nowMs);
  }

  #notePause(nowMs: number): void {
    const pauseMs = nowMs - this.#lastFrameMs;
    if (pauseMs > this.stats.longestPauseMs) this.stats.longestPauseMs = pauseMs;
    if (pauseMs <= FREEZE_MS) return;
    this.stats.freezes++;
    this.stats.frozenMs += pauseMs;
  }

  /** Waits no longer for anything before `sequence`; what is there is taken, with holes. */
  #skipTo(sequence: number, nowMs: number): void {
    while (this.#next < sequence) {
      const slot = this.#next & (WINDOW_PACKETS - 1);
      if (this.#sequences[slot] === this.#next) {
        this.#consume(this.#timestamps[slot] ?? 0, this.#flags[slot] ?? 0, nowMs);
      } else {
        if (this.#missing.delete(this.#next)) this.stats.givenUp++;
        this.#damage(nowMs);
      }
      this.#next++;
    }
    this.#advance(nowMs);
  }

  #damage(nowMs: number): void {
    if (this.#options.kind === "audio") return;
    // Whether the hole was the end of one frame or the start of the next is unknown: the next marker decides.
    this.#frameIsDamaged = true;
    if (this.#chainIsBroken) return;
    this.#chainIsBroken = true;
    this.#brokenSinceMs = nowMs;
  }

  /** RFC 3550 section A.8. */
  #measureJitter(timestamp: number, nowMs: number): void {
    const transitMs = nowMs - (timestamp / this.#options.clockRate) * 1000;
    const change = Math.abs(transitMs - this.#transitMs);
    this.#transitMs = transitMs;
    // NaN at first; hours at the wrap of the timestamp.
    if (change < 60_000) this.#jitterMs += (change - this.#jitterMs) / 16;
  }
}

/** Bit of the second byte of an RTP header (RFC 3550 section 5.1), kept as a flag. */
const MARKER = 0x80;
const KEY = 0x01;

const NAL_SPS = 7;
const NAL_STAP_A = 24;
const NAL_FU_A = 28;

/** Whether a packet of H.264 (RFC 6184) starts an SPS, which stands before every IDR picture and nowhere else. */
function isKeyPacket(packet: Buffer): boolean {
  const offset = rtpPayloadOffset(packet);
  if (offset + 2 > packet.byteLength) return false;
  const type = packet.readUInt8(offset) & 0x1f;
  if (type === NAL_SPS) return true;
  if (type === NAL_FU_A) {
    const header = packet.readUInt8(offset + 1);
    return (header & 0x80) !== 0 && (header & 0x1f) === NAL_SPS;
  }
  if (type !== NAL_STAP_A) return false;
  for (let at = offset + 1; at + 3 <= packet.byteLength; at += 2 + packet.readUInt16BE(at)) {
    if ((packet.readUInt8(at + 2) & 0x1f) === NAL_SPS) return true;
  }
  return false;
}

/** Behind the fixed header, the CSRCs and the extensions (RFC 3550 section 5.1). */
export function rtpPayloadOffset(packet: Buffer): number {
  const first = packet.readUInt8(0);
  let offset = 12 + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0 && offset + 4 <= packet.byteLength)
    offset += 4 + packet.readUInt16BE(offset + 2) * 4;
  return offset;
}
