import { randomBytes } from "node:crypto";
import type { Admitted, GatedSession, SessionGate } from "@canopy/relay/node";
import { ProblemError } from "@canopy/runtime";

/** A player that has not asked for a playlist for this long is gone: classic ones ask once in a target duration. */
const IDLE_MS = 20_000;
/** A node that drains waits for its viewers: those of low latency ask several times a second, and are gone sooner. */
const DRAINING_IDLE_MS = 4_000;
const ID_BYTES = 9;
const ID_PATTERN = /^[A-Za-z0-9_-]{12}$/;

class HlsSession implements GatedSession {
  readonly kind = "hls";
  closed = false;
  lastSeenMs: number;

  constructor(nowMs: number) {
    this.lastSeenMs = nowMs;
  }

  /** There is no connection to close: the next request is refused. */
  close(): void {
    this.closed = true;
  }
}

/** The viewers of HLS, told apart by an id in their playlists' URIs, without cookies. */
export class HlsSessions {
  readonly #sessions = new Map<string, HlsSession>();
  readonly #nowMs: () => number;
  #gate: SessionGate | undefined;

  constructor(deps: { readonly nowMs: () => number }) {
    this.#nowMs = deps.nowMs;
  }

  get size(): number {
    return this.#sessions.size;
  }

  createId(): string {
    return randomBytes(ID_BYTES).toString("base64url");
  }

  /**
   * A viewer asks for a playlist with a token that was found good. Throws `ProblemError` when there is no room for one
   * more, or his time is over. With a newer token a session that has ended begins anew.
   */
  touch(
    id: unknown,
    admitted: Admitted,
    parts: { readonly gate: SessionGate; readonly address: string },
  ): void {
    const { gate, address } = parts;
    this.#gate = gate;
    // Whoever asks without an id of ours, such as a tool with a playlist's bare URL, is one viewer per address.
    const key = typeof id === "string" && ID_PATTERN.test(id) ? id : `@${address}`;
    const nowMs = this.#nowMs();
    const known = this.#sessions.get(key);
    // Tokens are let in for some seconds after their end, since clocks differ; sessions are not prolonged by that.
    if (admitted.expiresAtMs !== undefined && nowMs >= admitted.expiresAtMs) {
      throw new ProblemError(401, "Unauthorized", "The session has ended: its token has expired.", {
        headers: { "www-authenticate": "Bearer" },
      });
    }
    if (known !== undefined && !known.closed) {
      known.lastSeenMs = nowMs;
      return;
    }
    const full = gate.checkRoom(`${address}:0`);
    if (full !== undefined) {
      const title = full.status === 503 ? "Service Unavailable" : "Too Many Requests";
      throw new ProblemError(full.status, title, full.message, { headers: { "retry-after": "2" } });
    }
    const session = new HlsSession(nowMs);
    this.#sessions.set(key, session);
    gate.admitChecked(session, `${address}:0`, admitted);
  }

  tick(nowMs: number): void {
    const idleMs = this.#gate?.draining === true ? DRAINING_IDLE_MS : IDLE_MS;
    for (const [id, session] of this.#sessions) {
      if (nowMs - session.lastSeenMs <= idleMs) continue;
      session.closed = true;
      this.#sessions.delete(id);
    }
  }

  close(): void {
    for (const session of this.#sessions.values()) session.closed = true;
    this.#sessions.clear();
  }
}
