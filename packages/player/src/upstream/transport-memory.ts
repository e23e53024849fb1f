import type { TransportName } from "./upstream.ts";

/** Where transports are kept between pages, such as `sessionStorage`. */
export interface KeyValueStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Networks change: after this the race is run as if for the first time. */
const MEMORY_MS = 10 * 60_000;
const KEY_PREFIX = "canopy:transport:";

/** Which transport has won the race to a host lately. Forgets when there is no store, or none that may be used. */
export class TransportMemory {
  readonly #store: () => KeyValueStore;
  readonly #nowMs: () => number;

  constructor(deps: { readonly store: () => KeyValueStore; readonly nowMs: () => number }) {
    this.#store = deps.store;
    this.#nowMs = deps.nowMs;
  }

  recall(src: string): TransportName | undefined {
    try {
      const [name, atMs] = (this.#store().getItem(KEY_PREFIX + new URL(src).host) ?? "").split("@");
      const ageMs = this.#nowMs() - Number(atMs);
      if (!(ageMs >= 0 && ageMs < MEMORY_MS)) return undefined;
      return name === "websocket" || name === "webtransport" ? name : undefined;
    } catch {
      // Pages may be forbidden to store anything.
      return undefined;
    }
  }

  remember(src: string, transport: TransportName): void {
    try {
      this.#store().setItem(KEY_PREFIX + new URL(src).host, `${transport}@${this.#nowMs()}`);
    } catch {
      // The next race takes as long as this one.
    }
  }
}

/** The memory of this page's session. */
export function createTransportMemory(): TransportMemory {
  return new TransportMemory({ store: () => sessionStorage, nowMs: () => Date.now() });
}
