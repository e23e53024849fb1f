import type { MemoryClock } from "./memory-clock.ts";

/** What travels between two memory sessions. */
export type MemoryPacket =
  | { readonly kind: "data"; readonly streamId: number; readonly bytes: Uint8Array; readonly fin: boolean }
  | { readonly kind: "reset"; readonly streamId: number; readonly code: number }
  | { readonly kind: "stop"; readonly streamId: number; readonly code: number }
  | { readonly kind: "credit"; readonly streamId: number; readonly bytes: number }
  | { readonly kind: "streams"; readonly uni: boolean }
  | { readonly kind: "datagram"; readonly bytes: Uint8Array }
  | { readonly kind: "ping" }
  | { readonly kind: "pong" }
  | { readonly kind: "close"; readonly code: number | undefined; readonly reason: string };

export interface MemoryLinkOptions {
  /** One-way delay. */
  readonly delayMs: number;
  /** Bits per second for stream data and datagrams; undefined = unlimited. */
  readonly bandwidthBps: number | undefined;
}

/** One direction of a connection: ordered, without loss of stream data, with a delay and a rate. */
export class MemoryLink {
  readonly #clock: MemoryClock;
  #delayMs: number;
  #bandwidthBps: number | undefined;
  #busyUntilMs = 0;
  #lastArrivalMs = 0;
  /** Set by the receiving session. */
  onPacket: ((packet: MemoryPacket) => void) | undefined;
  /** False: everything sent vanishes, as if the cable were cut. */
  up = true;

  constructor(options: MemoryLinkOptions, deps: { readonly clock: MemoryClock }) {
    this.#clock = deps.clock;
    this.#delayMs = options.delayMs;
    this.#bandwidthBps = options.bandwidthBps;
  }

  get delayMs(): number {
    return this.#delayMs;
  }

  get bandwidthBps(): number | undefined {
    return this.#bandwidthBps;
  }

  /** Changes the link for packets sent from now on; they never overtake those in flight. */
  configure(options: MemoryLinkOptions): void {
    this.#delayMs = options.delayMs;
    this.#bandwidthBps = options.bandwidthBps;
  }

  /** Milliseconds until the link takes the next packet at its rate; 0 = now. */
  get waitMs(): number {
    return Math.max(0, this.#busyUntilMs - this.#clock.nowMs());
  }

  send(packet: MemoryPacket, sizeBytes: number): void {
    let departureMs = this.waitMs;
    if (this.#bandwidthBps !== undefined && sizeBytes > 0) {
      departureMs += (sizeBytes * 8 * 1000) / this.#bandwidthBps;
      this.#busyUntilMs = this.#clock.nowMs() + departureMs;
    }
    if (!this.up) {
      return;
    }
    const nowMs = this.#clock.nowMs();
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + departureMs + this.#delayMs);
    this.#clock.schedule(this.#lastArrivalMs - nowMs, () => {
      if (this.up) {
        this.onPacket?.(packet);
      }
    });
  }
}
