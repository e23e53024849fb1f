import { ByteWriter } from "../codec/byte-writer.ts";
import type { Dialect } from "../dialect.ts";
import type { MoqLimits } from "../limits.ts";
import type { ProtocolError } from "../protocol-error.ts";
import type { WireBidiStream, WireSession } from "../wire-session.ts";
import { Deadlines } from "./deadlines.ts";
import { PendingOpenings } from "./pending-openings.ts";
import { createSessionCounters, type SessionCounters } from "./session-counters.ts";

/** Something that must hear of the end of the session: a stream, or what belongs to one. */
export interface SessionMember {
  onSessionClosed(): void;
}

export interface SessionCoreOptions {
  readonly wire: WireSession;
  readonly originId: number;
  readonly limits: MoqLimits;
  readonly stampTimestamp: ((payload: Uint8Array) => number) | undefined;
}

/** Requests come before all media. */
export const CONTROL_PRIORITY = 255;

/** What all stream machines of one session share. */
export class SessionCore {
  readonly wire: WireSession;
  readonly originId: number;
  readonly limits: MoqLimits;
  readonly stampTimestamp: (payload: Uint8Array) => number;
  readonly counters: SessionCounters = createSessionCounters();
  readonly deadlines = new Deadlines();
  readonly openings: PendingOpenings;
  readonly members = new Set<SessionMember>();
  readonly #deferred: (() => void)[] = [];
  readonly #writer = new ByteWriter();
  #dialect: Dialect | undefined;
  /** Time of the last tick. */
  nowMs = 0;
  /** True once nothing may be sent any more. */
  closed = false;

  constructor(options: SessionCoreOptions) {
    this.wire = options.wire;
    this.originId = options.originId;
    this.limits = options.limits;
    this.stampTimestamp = options.stampTimestamp ?? (() => Math.round(this.nowMs * 1000));
    this.openings = new PendingOpenings({ maxWaiting: options.limits.maxPendingRequests });
  }

  /** Undefined until the version is agreed. */
  get dialect(): Dialect | undefined {
    return this.#dialect;
  }

  agreeOn(dialect: Dialect): void {
    this.#dialect = dialect;
    this.openings.start();
  }

  /** Encodes one message or several; the bytes belong to the caller. */
  encode(write: (writer: ByteWriter) => void): Uint8Array {
    write(this.#writer);
    return this.#writer.take();
  }

  /** Calls `callback` at the next event or tick: listeners are never called from inside the caller's own call. */
  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  runDeferred(): void {
    while (this.#deferred.length > 0) {
      for (const callback of this.#deferred.splice(0)) {
        callback();
      }
    }
  }

  /**
   * Opens a bidirectional stream as soon as the version and the peer's limit allow.
   * `onRefused` comes deferred if that can never be, also because the version lacks the feature. Returns a function that gives up waiting.
   */
  openBidi(
    onOpen: (stream: WireBidiStream, dialect: Dialect) => void,
    onRefused: () => void,
    isSupported: (dialect: Dialect) => boolean = () => true,
  ): () => void {
    let wanted = true;
    this.openings.add({
      tryOpen: () => {
        if (!wanted) {
          return true;
        }
        const dialect = this.#dialect;
        if (dialect !== undefined && !isSupported(dialect)) {
          wanted = false;
          this.defer(onRefused);
          return true;
        }
        const stream = dialect === undefined ? undefined : this.wire.openBidi(CONTROL_PRIORITY);
        if (dialect === undefined || stream === undefined) {
          return false;
        }
        wanted = false;
        onOpen(stream, dialect);
        return true;
      },
      refuse: () => {
        if (wanted) {
          wanted = false;
          this.counters.requestsRefused++;
          this.defer(onRefused);
        }
      },
    });
    return () => {
      wanted = false;
    };
  }

  /** The peer broke the rules of the whole session. */
  fail(error: ProtocolError): void {
    this.close(error.wireCode, error.message);
  }

  close(code: number, reason: string): void {
    if (!this.closed) {
      this.closed = true;
      this.wire.close(code, reason);
    }
  }
}
