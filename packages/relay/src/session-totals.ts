import type { Session, TransportKind } from "@canopy/transport";

/** What the sessions of one transport have sent and received since the start; counts of bytes and packets. */
export interface TransportTotals {
  sentBytes: number;
  receivedBytes: number;
  sentPackets: number;
  lostPackets: number;
}

/** One look at all sessions serves all figures of a scrape. */
const FRESH_MS = 100;

/**
 * Totals of all sessions of a node by transport: what closed ones had, and what open ones have when asked. A
 * session's own figures come out of the engine at a price, so they are added up once for all metrics.
 */
export class SessionTotals {
  /** Bytes that wait in all open sessions for the network to take them. */
  #bufferedBytes = 0;
  readonly #nowMs: () => number;
  readonly #open = new Set<Session>();
  readonly #former = new Map<TransportKind, TransportTotals>();
  #totals = new Map<TransportKind, TransportTotals>();
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(deps: { readonly nowMs: () => number }) {
    this.#nowMs = deps.nowMs;
  }

  add(session: Session): void {
    this.#open.add(session);
  }

  /** Idempotent. */
  remove(session: Session): void {
    if (this.#open.delete(session)) addTo(this.#former, session);
  }

  of(kind: TransportKind): Readonly<TransportTotals> {
    this.#look();
    return this.#totals.get(kind) ?? NOTHING;
  }

  bufferedBytes(): number {
    this.#look();
    return this.#bufferedBytes;
  }

  #look(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedMs < FRESH_MS) return;
    this.#lookedMs = nowMs;
    const totals = new Map<TransportKind, TransportTotals>();
    for (const [kind, former] of this.#former) totals.set(kind, { ...former });
    let bufferedBytes = 0;
    for (const session of this.#open) bufferedBytes += addTo(totals, session);
    this.#totals = totals;
    this.#bufferedBytes = bufferedBytes;
  }
}

const NOTHING: TransportTotals = { sentBytes: 0, receivedBytes: 0, sentPackets: 0, lostPackets: 0 };

/** Adds what `session` has by now; returns what waits in it. */
function addTo(totals: Map<TransportKind, TransportTotals>, session: Session): number {
  let sum = totals.get(session.kind);
  if (sum === undefined) {
    sum = { ...NOTHING };
    totals.set(session.kind, sum);
  }
  const stats = session.stats();
  sum.sentBytes += stats.sentBytes;
  sum.receivedBytes += stats.receivedBytes;
  sum.sentPackets += stats.sentPackets;
  sum.lostPackets += stats.lostPackets;
  return stats.bufferedBytes;
}
