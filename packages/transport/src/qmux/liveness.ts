import type { QmuxLimits } from "./qmux-limits.ts";

const NEVER = -1;

/** Why a session is over, or that a sign of life is asked for. */
export type LivenessVerdict = "alive" | "ask" | "the peer is silent" | "the peer does not read";

/** Whether the peer still answers and still reads, and how far away it is. */
export class Liveness {
  readonly #limits: Pick<QmuxLimits, "idleTimeoutMs" | "keepAliveMs">;
  readonly #nowMs: () => number;
  #lastReceivedMs: number;
  #takenBytes = 0;
  #takenMs: number;
  #pingSequence = 0;
  #pingMs = NEVER;
  #rttMs = 0;

  constructor(limits: Pick<QmuxLimits, "idleTimeoutMs" | "keepAliveMs">, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#lastReceivedMs = nowMs();
    this.#takenMs = this.#lastReceivedMs;
  }

  get silentMs(): number {
    return Math.max(0, this.#nowMs() - this.#lastReceivedMs);
  }

  /** Smoothed; 0 = unknown. */
  get rttMs(): number {
    return this.#rttMs;
  }

  onReceived(): void {
    this.#lastReceivedMs = this.#nowMs();
  }

  /** Number of the next PING. */
  nextPing(): number {
    this.#pingSequence += 1;
    return this.#pingSequence;
  }

  onPingSent(): void {
    this.#pingMs = this.#nowMs();
  }

  onPong(sequence: number): void {
    if (sequence !== this.#pingSequence || this.#pingMs === NEVER) return;
    const rttMs = this.#nowMs() - this.#pingMs;
    this.#rttMs = this.#rttMs === 0 ? rttMs : this.#rttMs * 0.875 + rttMs * 0.125;
    this.#pingMs = NEVER;
  }

  /** Once a second: of the bytes that were given to the socket, those that it still holds. */
  check(sentBytes: number, unsentBytes: number): LivenessVerdict {
    const nowMs = this.#nowMs();
    const takenBytes = sentBytes - unsentBytes;
    if (unsentBytes <= 0 || takenBytes !== this.#takenBytes) this.#takenMs = nowMs;
    this.#takenBytes = takenBytes;
    const silentMs = nowMs - this.#lastReceivedMs;
    if (silentMs > this.#limits.idleTimeoutMs) return "the peer is silent";
    if (nowMs - this.#takenMs > this.#limits.idleTimeoutMs) return "the peer does not read";
    return silentMs > this.#limits.keepAliveMs ? "ask" : "alive";
  }
}
