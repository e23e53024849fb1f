import type { Session } from "@canopy/transport";

/** A transport session to a node, however it is carried. */
export interface DialedSession {
  readonly session: Session;
  /** Serves GET /v1/time. */
  readonly timeBaseUrl: string;
  /** Time from dialing to the open session, ms. */
  readonly handshakeMs: number;
}

export interface DialOptions {
  readonly fetch: typeof fetch;
  /** Protocols to offer, best first. */
  readonly protocols: readonly string[];
  readonly signal: AbortSignal;
}
