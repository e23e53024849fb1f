import { SequenceUnwrapper } from "@canopy/media/rtp";

export interface ReorderBufferOptions {
  /** Packets that may wait, a power of two. */
  readonly capacity: number;
  /** Bytes that may wait. */
  readonly maxBytes: number;
  /** How long a missing packet is waited for, ms. */
  readonly maxWaitMs: number;
  /** False: missing packets are waited for but not asked for. */
  readonly asksForMissing: boolean;
}

export interface ReorderBufferDeps {
  /** The packet whose turn it is. Missing ones have been given up: the sequence number shows it. */
  readonly onPacket: (packet: Uint8Array) => void;
  /** The sequence numbers have gone back: the source has started anew, and what follows has nothing to do with before. */
  readonly onRestart: () => void;
}

/** So many packets that are older than anything that could be a repeat show that the source has started anew. */
const STALE_PACKETS = 16;

/** A packet that overtook others by less than this was not lost; asking for them would double the traffic. */
const OVERTAKING_MS = 10;
/** Longer than most round trips, so that the answer to the last request had time to come. */
const ASK_AGAIN_MS = 60;
/** After this many requests it will not come. */
const MAX_REQUESTS = 5;
/**
 * What the time between two ticks, which come 50 times a second, counts at most. After a pause of this process the
 * timer that leads here runs before anything is read, and the repeats that were asked for may be there already.
 */
export const MAX_TICK_MS = 30;
/** Requests of one call: what a burst of loss on a stream of 10 Mbit/s takes. */
const MAX_ASKED_AT_ONCE = 256;

/**
 * Hands out RTP packets in the order of their sequence numbers. While none is missing nothing waits: a packet leaves
 * in the call that brought it. Bounded in packets, bytes and time; whatever bound is met, the oldest gap is given up
 * and counted.
 */
export class ReorderBuffer {
  /** Came after they had been given up, or twice. */
  late = 0;
  /** Given up. */
  lost = 0;
  /** Were missing and came in time. */
  recovered = 0;
  /** Sequence numbers that were asked for, repeats included. */
  requested = 0;
  readonly #options: ReorderBufferOptions;
  readonly #onPacket: (packet: Uint8Array) => void;
  readonly #onRestart: () => void;
  readonly #unwrapper = new SequenceUnwrapper();
  readonly #mask: number;
  readonly #packets: (Uint8Array | undefined)[];
  /** Of a slot without packet: since when it is missing, when it was last asked for, and how often. */
  readonly #missingSinceMs: Float64Array;
  readonly #askedAtMs: Float64Array;
  readonly #requests: Uint8Array;
  /** The packet whose turn it is, and the one behind the newest; unwrapped. */
  #next = 0;
  #end = 0;
  #bytes = 0;
  #started = false;
  #stale = 0;
  #tickedMs = 0;

  constructor(options: ReorderBufferOptions, deps: ReorderBufferDeps) {
    const { capacity } = options;
    this.#options = options;
    this.#onPacket = deps.onPacket;
    this.#onRestart = deps.onRestart;
    this.#mask = capacity - 1;
    this.#packets = new Array<Uint8Array | undefined>(capacity).fill(undefined);
    this.#missingSinceMs = new Float64Array(capacity);
    this.#askedAtMs = new Float64Array(capacity);
    this.#requests = new Uint8Array(capacity);
  }

  /** True while packets wait for a missing one. */
  get waits(): boolean {
    return this.#next < this.#end;
  }

  /** Takes the packet over. */
  push(packet: Uint8Array, sequence: number, nowMs: number): void {
    const position = this.#unwrapper.unwrap(sequence);
    if (!this.#started || position - this.#end >= this.#options.capacity) this.#restart(position, nowMs);
    if (position < this.#next) {
      this.late += 1;
      if (this.#next - position <= this.#options.capacity) return;
      this.#stale += 1;
      if (this.#stale < STALE_PACKETS) return;
      this.#restart(position, nowMs);
      this.#onRestart();
    }
    this.#stale = 0;
    while (position - this.#next >= this.#options.capacity) this.#giveUpOldest();
    for (let at = this.#end; at < position; at += 1) this.#miss(at, nowMs);
    const slot = position & this.#mask;
    if (position >= this.#end) this.#end = position + 1;
    else if (this.#packets[slot] !== undefined) {
      this.late += 1;
      return;
    } else this.recovered += 1;
    if (position === this.#next) {
      this.#next += 1;
      this.#onPacket(packet);
    } else {
      this.#packets[slot] = packet;
      this.#bytes += packet.length;
    }
    this.#release();
    while (this.#bytes > this.#options.maxBytes) this.#giveUpOldest();
  }

  /** Gives up what has been missing for too long. */
  tick(nowMs: number): void {
    const pausedMs = nowMs - this.#tickedMs - MAX_TICK_MS;
    this.#tickedMs = nowMs;
    if (pausedMs > 0) this.#excuse(pausedMs, nowMs);
    while (
      this.waits &&
      nowMs - (this.#missingSinceMs[this.#next & this.#mask] as number) >= this.#options.maxWaitMs
    )
      this.#giveUpOldest();
  }

  /** Appends the sequence numbers that are due to be asked for, in ascending order. */
  collectRequests(nowMs: number, into: number[]): void {
    if (!this.#options.asksForMissing) return;
    const room = into.length + MAX_ASKED_AT_ONCE;
    for (let position = this.#next; position < this.#end && into.length < room; position += 1) {
      const slot = position & this.#mask;
      if (this.#packets[slot] !== undefined) continue;
      const requests = this.#requests[slot] as number;
      const isDue =
        requests === 0
          ? nowMs - (this.#missingSinceMs[slot] as number) >= OVERTAKING_MS
          : requests < MAX_REQUESTS && nowMs - (this.#askedAtMs[slot] as number) >= ASK_AGAIN_MS;
      if (!isDue) continue;
      this.#requests[slot] = requests + 1;
      this.#askedAtMs[slot] = nowMs;
      this.requested += 1;
      into.push(position & 0xffff);
    }
  }

  /** Forgets everything, e.g. because the source has started anew. */
  #restart(position: number, nowMs: number): void {
    while (this.waits) this.#giveUpOldest();
    this.#started = true;
    this.#next = position;
    this.#end = position;
    this.#tickedMs = nowMs;
  }

  /** What is missing has been so for less time; what is missing since the pause, since now at the latest. */
  #excuse(pausedMs: number, nowMs: number): void {
    for (let position = this.#next; position < this.#end; position += 1) {
      const slot = position & this.#mask;
      this.#missingSinceMs[slot] = Math.min(nowMs, (this.#missingSinceMs[slot] as number) + pausedMs);
    }
  }

  #miss(position: number, nowMs: number): void {
    const slot = position & this.#mask;
    this.#packets[slot] = undefined;
    this.#missingSinceMs[slot] = nowMs;
    this.#requests[slot] = 0;
  }

  /** Passes the gap that `#next` stands at, and lets everything behind it go. */
  #giveUpOldest(): void {
    while (this.waits && this.#packets[this.#next & this.#mask] === undefined) {
      this.#next += 1;
      this.lost += 1;
    }
    this.#release();
  }

  #release(): void {
    while (this.waits) {
      const slot = this.#next & this.#mask;
      const packet = this.#packets[slot];
      if (packet === undefined) return;
      this.#packets[slot] = undefined;
      this.#bytes -= packet.length;
      this.#next += 1;
      this.#onPacket(packet);
    }
  }
}
