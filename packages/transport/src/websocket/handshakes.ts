import type { Duplex } from "node:stream";
import { addressKey, withoutPort } from "@canopy/runtime";
import { rejectUpgrade } from "./reject-upgrade.ts";

export interface HandshakeLimits {
  /** Upgrades under way, from the request to the peer's first frame. About 20 kB each. */
  readonly maxHandshakes?: number | undefined;
  /** Of those, one address may have so many: it must not keep everybody else out. */
  readonly maxHandshakesPerAddress?: number | undefined;
  /** An upgrade that takes longer is dropped. */
  readonly handshakeTimeoutMs?: number | undefined;
}

/** An upgrade under way. */
export interface Handshake {
  readonly socket: Duplex;
  /** As limits count it. */
  readonly addressKey: string;
  readonly startedMs: number;
  /** Past the HTTP part; the peer's first frame is waited for. */
  isUpgraded: boolean;
}

const DEFAULT_MAX_HANDSHAKES = 1_000;
const DEFAULT_MAX_HANDSHAKES_PER_ADDRESS = 500;
const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;

/** The upgrades of a server that are under way, within their limits. */
export class Handshakes {
  readonly #limits: HandshakeLimits;
  readonly #open = new Set<Handshake>();

  constructor(limits: HandshakeLimits) {
    this.#limits = limits;
  }

  /** Those whose HTTP part is not over. */
  get waiting(): number {
    let count = 0;
    for (const { isUpgraded } of this.#open) count += isUpgraded ? 0 : 1;
    return count;
  }

  /** Undefined: there is no room, and the peer was told. */
  begin(socket: Duplex, remoteAddress: string, nowMs: number): Handshake | undefined {
    const { maxHandshakes = DEFAULT_MAX_HANDSHAKES } = this.#limits;
    const { maxHandshakesPerAddress = DEFAULT_MAX_HANDSHAKES_PER_ADDRESS } = this.#limits;
    if (this.#open.size >= maxHandshakes) {
      rejectUpgrade(socket, 503, "Too many sessions are being opened; try again.");
      return undefined;
    }
    const key = addressKey(withoutPort(remoteAddress));
    if (this.#countOf(key) >= maxHandshakesPerAddress) {
      rejectUpgrade(socket, 429, "Too many sessions of this address are being opened; try again.");
      return undefined;
    }
    const handshake: Handshake = { socket, addressKey: key, startedMs: nowMs, isUpgraded: false };
    this.#open.add(handshake);
    socket.once("close", () => this.#open.delete(handshake));
    return handshake;
  }

  has(handshake: Handshake): boolean {
    return this.#open.has(handshake);
  }

  /** It has become a session, or was refused. */
  end(handshake: Handshake): void {
    this.#open.delete(handshake);
  }

  /** Drops those that take too long. */
  tick(nowMs: number): void {
    const { handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = this.#limits;
    for (const handshake of this.#open) {
      if (nowMs - handshake.startedMs <= handshakeTimeoutMs) continue;
      this.#open.delete(handshake);
      handshake.socket.destroy();
    }
  }

  close(): void {
    for (const { socket } of this.#open) socket.destroy();
    this.#open.clear();
  }

  /** Upgrades under way are few: looking at all of them is cheaper than to keep count. */
  #countOf(key: string): number {
    let count = 0;
    for (const handshake of this.#open) if (handshake.addressKey === key) count += 1;
    return count;
  }
}
