import {
  AddressRate,
  addressKey,
  type Clock,
  type Logger,
  type Metrics,
  type SessionScope,
  type TokenClaims,
  withoutPort,
} from "@canopy/runtime";
import type { Session, SessionDecision, SessionRequest, TransportKind } from "@canopy/transport";
import type { Admission, Admitted, RejectReason } from "./admission.ts";

/** How often expired and closed sessions are looked for; also how late an expiry may take effect. */
const SWEEP_INTERVAL_MS = 1_000;
/** A session that has not shown its path (raw QUIC sends it in SETUP) by then is closed. */
const AUTHORIZE_DEADLINE_MS = 10_000;
/** moq-lite application error codes: UNAUTHORIZED and TIMEOUT. */
const CLOSE_UNAUTHORIZED = 6;
const CLOSE_TIMEOUT = 3;

/** What carries a session that counts here: the transports of MoQ, the WebRTC roles, and what goes by HTTP alone. */
export type SessionKind = TransportKind | "rtmp" | "whip" | "whep" | "hls" | "flv";

const KINDS: readonly SessionKind[] = [
  "quic",
  "webtransport",
  "websocket",
  "rtmp",
  "whip",
  "whep",
  "hls",
  "flv",
];
/** An address that was quiet may start this many seconds' worth of handshakes at once. */
const HANDSHAKE_BURST_SECONDS = 2;

export interface SessionGateOptions {
  /** Subprotocols and ALPN tokens that this node speaks, best first. */
  readonly protocols: readonly string[];
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  /** Sessions that one address may begin in a second; 0 or undefined: any number. */
  readonly handshakesPerSecondPerAddress?: number | undefined;
  /** Web origins whose pages may open sessions, `*` among them: any; default: any. Who is no browser tells none. */
  readonly corsOrigins?: readonly string[] | undefined;
}

export interface SessionGateDeps {
  readonly admission: Admission;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Asks what a session may do, once its path is known. Undefined: refused, and the session is closed. */
export type AuthorizeSession = (path: string) => Promise<SessionScope | undefined>;

/** The part of a session that the gate needs. */
export interface GatedSession {
  readonly kind: SessionKind;
  readonly closed: boolean;
  close(code: number, reason: string): void;
  /** Asks whoever is behind it to go on at `uri` ("" = elsewhere); absent where nothing can be said. */
  goaway?(uri: string): void;
}

/** Why there is no room for a session. */
export interface NoRoom {
  readonly reason: RejectReason;
  readonly status: 429 | 503;
  readonly message: string;
}

interface OpenSession {
  readonly session: GatedSession;
  readonly address: string;
  readonly openedAtMs: number;
  authorized: boolean;
  expiresAtMs: number;
  claims: TokenClaims | undefined;
  isSentAway: boolean;
}

/** Lets sessions in, counts them, and closes them when their token expires. */
export class SessionGate {
  readonly #options: SessionGateOptions;
  readonly #deps: SessionGateDeps;
  readonly #open = new Set<OpenSession>();
  readonly #perAddress = new Map<string, number>();
  readonly #rejected: (reason: string) => void;
  readonly #opened: () => void;
  readonly #removeSources: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #handshakes: AddressRate;
  #keysVersion: number;
  #draining = false;

  constructor(options: SessionGateOptions, deps: SessionGateDeps) {
    this.#options = options;
    this.#deps = deps;
    const perSecond = options.handshakesPerSecondPerAddress ?? 0;
    this.#handshakes = new AddressRate({ perSecond, burst: perSecond * HANDSHAKE_BURST_SECONDS });
    this.#keysVersion = deps.admission.keysVersion;
    this.#rejected = deps.metrics.counter("canopy_sessions_rejected_total");
    this.#opened = deps.metrics.counter("canopy_sessions_opened_total");
    for (const kind of KINDS) {
      this.#removeSources.push(deps.metrics.read("canopy_sessions", kind, () => this.#count(kind)));
    }
    this.#timer = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Sessions that are open now. */
  get size(): number {
    this.#removeClosed();
    return this.#open.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** From now on every new session is refused. */
  drain(): void {
    this.#draining = true;
  }

  /** Asks up to `limit` sessions that have not been asked yet to go on elsewhere. Returns how many were asked. */
  sendAway(limit: number, nextUri: () => string): number {
    let count = 0;
    for (const entry of this.#open) {
      if (count >= limit) break;
      const { session } = entry;
      if (entry.isSentAway || session.closed || session.goaway === undefined) continue;
      entry.isSentAway = true;
      session.goaway(nextUri());
      count += 1;
    }
    return count;
  }

  /**
   * The server's question before a session is set up. What has a path is answered by `later`, once its token is
   * verified; raw QUIC shows its path only in SETUP, and its token is looked at when `admit`'s result is asked.
   */
  decide(request: SessionRequest, later: (decision: SessionDecision) => void): SessionDecision | undefined {
    const tooMany = this.#checkRate(request.remoteAddress);
    if (tooMany !== undefined) return { accept: false, status: tooMany.status, reason: tooMany.message };
    if (!this.#mayComeFrom(request.origin)) {
      return this.#refuse("origin", 403, "pages of this origin may not open sessions here");
    }
    const decision = this.#decide(request);
    if (!decision.accept || request.kind === "quic") return decision;
    this.#deps.admission.authorize(request.path, request.bearer).then(
      (answer) => {
        if (!answer.admitted) later(this.#refuse(answer.reason, answer.status, answer.message));
        // Others may have been let in meanwhile.
        else later(this.#decide(request));
      },
      (error: unknown) => {
        this.#deps.logger.warn({ err: error }, "a session could not be authorized");
        later(this.#refuse("unauthorized", 500, "the token could not be verified"));
      },
    );
    return undefined;
  }

  #decide(request: SessionRequest): SessionDecision {
    const full = this.checkRoom(request.remoteAddress);
    if (full !== undefined) return { accept: false, status: full.status, reason: full.message };
    // No offer at all is the legacy start: the version is then agreed by SETUP on the first stream.
    if (request.protocols.length === 0) return { accept: true, protocol: "" };
    const protocol = this.#options.protocols.find((known) => request.protocols.includes(known));
    if (protocol === undefined)
      return this.#refuse("protocol", 406, "none of the offered protocols is spoken here");
    return { accept: true, protocol };
  }

  /** Undefined: there is room for one more session of `remoteAddress` (`ip:port`). A refusal is counted. */
  checkRoom(remoteAddress: string): NoRoom | undefined {
    if (this.#draining) return this.#noRoom("draining", 503, "the node is about to stop");
    const { maxSessions, maxSessionsPerAddress } = this.#options;
    const address = addressKey(withoutPort(remoteAddress));
    if (this.#isFull(address)) this.#removeClosed();
    if (this.#open.size >= maxSessions) {
      return this.#noRoom("limit", 503, `the node has its ${maxSessions} sessions`);
    }
    if ((this.#perAddress.get(address) ?? 0) >= maxSessionsPerAddress) {
      return this.#noRoom("address-limit", 429, `${maxSessionsPerAddress} sessions of this address are open`);
    }
    return undefined;
  }

  /** Likewise, for one whose beginning costs a handshake: they are rationed. */
  checkHandshake(remoteAddress: string): NoRoom | undefined {
    return this.#checkRate(remoteAddress) ?? this.checkRoom(remoteAddress);
  }

  #checkRate(remoteAddress: string): NoRoom | undefined {
    if (this.#handshakes.take(withoutPort(remoteAddress), this.#deps.clock.nowMs())) return undefined;
    const perSecond = this.#options.handshakesPerSecondPerAddress ?? 0;
    return this.#noRoom("rate", 429, `one address may begin ${perSecond} sessions in a second`);
  }

  #mayComeFrom(origin: string | undefined): boolean {
    const { corsOrigins } = this.#options;
    if (origin === undefined || corsOrigins === undefined || corsOrigins.includes("*")) return true;
    return corsOrigins.includes(origin);
  }

  /** Takes over a session that `decide` let in. */
  admit(session: Session): AuthorizeSession {
    const entry = this.#add(session, session.remoteAddress);
    return (path) => this.#authorize(entry, session, path);
  }

  /** Takes over a session whose token is checked already and for which `checkRoom` found room. */
  admitChecked(session: GatedSession, remoteAddress: string, admitted: Admitted): void {
    const entry = this.#add(session, remoteAddress);
    this.#accept(entry, admitted);
  }

  /** A request of another protocol was refused before it became a session. */
  countRefusal(reason: RejectReason): void {
    this.#rejected(reason);
  }

  #add(session: GatedSession, remoteAddress: string): OpenSession {
    const address = addressKey(withoutPort(remoteAddress));
    const entry: OpenSession = {
      session,
      address,
      openedAtMs: this.#deps.clock.nowMs(),
      authorized: false,
      expiresAtMs: Number.POSITIVE_INFINITY,
      claims: undefined,
      isSentAway: false,
    };
    this.#open.add(entry);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    return entry;
  }

  #accept(entry: OpenSession, admitted: Admitted): void {
    entry.authorized = true;
    entry.expiresAtMs = admitted.expiresAtMs ?? Number.POSITIVE_INFINITY;
    entry.claims = admitted.claims;
    this.#opened();
  }

  /** Stops the timer; the sessions belong to their server, which closes them. */
  close(): void {
    clearInterval(this.#timer);
    for (const remove of this.#removeSources.splice(0)) remove();
  }

  async #authorize(entry: OpenSession, session: Session, path: string): Promise<SessionScope | undefined> {
    const answer = await this.#deps.admission.authorize(path, session.bearer);
    if (session.closed) return undefined;
    if (!answer.admitted) {
      this.#rejected(answer.reason);
      this.#deps.logger.debug({ reason: answer.reason, session: session.id }, "a session was refused");
      session.close(CLOSE_UNAUTHORIZED, answer.message);
      return undefined;
    }
    this.#accept(entry, answer);
    return answer.scope;
  }

  #noRoom(reason: RejectReason, status: NoRoom["status"], message: string): NoRoom {
    this.#rejected(reason);
    return { reason, status, message };
  }

  #refuse(reason: RejectReason, status: number, message: string): SessionDecision {
    this.#rejected(reason);
    return { accept: false, status, reason: message };
  }

  #isFull(address: string): boolean {
    return (
      this.#open.size >= this.#options.maxSessions ||
      (this.#perAddress.get(address) ?? 0) >= this.#options.maxSessionsPerAddress
    );
  }

  #count(kind: SessionKind): number {
    let count = 0;
    for (const { session, authorized } of this.#open) {
      if (session.kind === kind && authorized && !session.closed) count += 1;
    }
    return count;
  }

  #sweep(): void {
    this.#removeClosed();
    const { admission, clock } = this.#deps;
    const nowMs = clock.nowMs();
    const haveKeysChanged = admission.keysVersion !== this.#keysVersion;
    this.#keysVersion = admission.keysVersion;
    for (const entry of this.#open) {
      const { claims } = entry;
      if (nowMs >= entry.expiresAtMs) {
        entry.session.close(CLOSE_UNAUTHORIZED, "the token has expired");
      } else if (haveKeysChanged && claims !== undefined && admission.isWithdrawn(claims)) {
        entry.session.close(CLOSE_UNAUTHORIZED, "the token's key was withdrawn");
      } else if (!entry.authorized && nowMs - entry.openedAtMs > AUTHORIZE_DEADLINE_MS) {
        this.#rejected("timeout" satisfies RejectReason);
        entry.session.close(CLOSE_TIMEOUT, "no SETUP arrived in time");
      }
    }
  }

  #removeClosed(): void {
    for (const entry of this.#open) {
      if (!entry.session.closed) continue;
      this.#open.delete(entry);
      const left = (this.#perAddress.get(entry.address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(entry.address, left);
      else this.#perAddress.delete(entry.address);
    }
  }
}
