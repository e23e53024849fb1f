import { addressKey } from "@canopy/runtime";

export interface AddressLimiterOptions {
  readonly handshakesPerSecond: number;
  readonly burst: number;
  readonly maxSessions: number;
  /** Handshakes under way; default: any number. */
  readonly maxHandshakes?: number;
  /** Addresses remembered; the one seen longest ago goes first, unless it has open sessions. */
  readonly maxAddresses: number;
}

/** How many of the oldest addresses are looked at for one without sessions. */
const LOOK_AT_OLDEST = 16;

interface AddressState {
  tokens: number;
  refilledMs: number;
  sessions: number;
  handshakes: number;
}

/**
 * Token bucket of handshakes, and counts of connections and of those whose handshake is under way, per IP address
 * (without the port; IPv6 per /64).
 */
export class AddressLimiter {
  readonly #options: AddressLimiterOptions;
  readonly #addresses = new Map<string, AddressState>();

  constructor(options: AddressLimiterOptions) {
    this.#options = options;
  }

  /** Takes one handshake from the address's bucket; says why not. */
  admit(address: string, nowMs: number): "admitted" | "rate-limited" | "address-limit" {
    const state = this.#touch(address, nowMs);
    const { maxSessions, maxHandshakes = Number.POSITIVE_INFINITY } = this.#options;
    if (state.sessions >= maxSessions || state.handshakes >= maxHandshakes) return "address-limit";
    if (state.tokens < 1) return "rate-limited";
    state.tokens -= 1;
    return "admitted";
  }

  /** A connection begins with a handshake. */
  opened(address: string, nowMs: number): void {
    const state = this.#touch(address, nowMs);
    state.sessions += 1;
    state.handshakes += 1;
  }

  handshakeOver(address: string): void {
    const state = this.#addresses.get(addressKey(address));
    if (state !== undefined && state.handshakes > 0) state.handshakes -= 1;
  }

  closed(address: string): void {
    const state = this.#addresses.get(addressKey(address));
    if (state !== undefined && state.sessions > 0) state.sessions -= 1;
  }

  get size(): number {
    return this.#addresses.size;
  }

  #touch(remoteAddress: string, nowMs: number): AddressState {
    const { burst, handshakesPerSecond } = this.#options;
    const address = addressKey(remoteAddress);
    let state = this.#addresses.get(address);
    if (state === undefined) {
      state = { tokens: burst, refilledMs: nowMs, sessions: 0, handshakes: 0 };
      this.#forgetOldest();
    } else {
      const earned = ((nowMs - state.refilledMs) / 1_000) * handshakesPerSecond;
      state.tokens = Math.min(burst, state.tokens + earned);
      state.refilledMs = nowMs;
      this.#addresses.delete(address);
    }
    this.#addresses.set(address, state);
    return state;
  }

  #forgetOldest(): void {
    if (this.#addresses.size < this.#options.maxAddresses) return;
    // Insertion order is the order of last use. Addresses with open sessions are spared as long as one of the
    // oldest few has none; the bound holds in any case.
    let oldest: string | undefined;
    let looked = 0;
    for (const [address, state] of this.#addresses) {
      oldest ??= address;
      if (state.sessions === 0) {
        this.#addresses.delete(address);
        return;
      }
      looked += 1;
      if (looked === LOOK_AT_OLDEST) break;
    }
    if (oldest !== undefined) this.#addresses.delete(oldest);
  }
}
