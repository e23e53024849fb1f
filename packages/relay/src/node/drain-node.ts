import { delay, type Logger } from "@canopy/runtime";
import type { Successor } from "../tree/successor-ring.ts";
import { SuccessorRing } from "../tree/successor-ring.ts";

/** How often a draining node sends the next sessions away and looks whether everybody has left. */
const TICK_MS = 50;
/** A handshake takes a few ms of the node that gets the session; its own viewers should not feel the arrivals. */
const SESSIONS_PER_SECOND = 400;
/** But by this share of the time everybody has been told, so that there is time left to go. */
const TELL_SHARE = 0.5;

export interface DrainSettings {
  /** How long sessions have to leave; 0 closes them at once. */
  readonly timeoutMs: number;
  /** Where they are sent; undefined = to the successors that are known, else to a place of their own choice. */
  readonly uri: string | undefined;
}

/** The parts of a node that a drain works on. */
export interface DrainedNode {
  /** Sessions that have not left yet. */
  readonly sessionCount: number;
  /** From now on: not ready, no new session; `nextUri` is asked for whatever tells viewers where to go. */
  beginDrain(nextUri: () => string): void;
  /** Sends up to `limit` sessions away that have not been told yet. */
  sendAway(limit: number, nextUri: () => string): void;
}

export interface DrainDeps {
  readonly logger: Logger;
  /** Other nodes that could take the sessions, as far as they are known now. */
  readonly successors?: () => readonly Successor[];
}

/** What `GET /v1/drain` shows. */
export interface DrainStatus {
  readonly draining: boolean;
  readonly sessions: number;
  /** When whoever is left is closed, ms since the Unix epoch; null while the node serves. */
  readonly deadlineMs: number | null;
}

/**
 * The end of a node's service: it refuses new sessions, sends those that are open elsewhere, a few at a time, and is
 * done when they have left or the time is over. Asked for by a signal (`run`) or over HTTP (`request`, then `run`).
 */
export class NodeDrain {
  /** Resolves when somebody asks for the drain over HTTP. */
  readonly requested: Promise<void>;
  readonly #deps: DrainDeps;
  readonly #ring = new SuccessorRing();
  #settings: DrainSettings;
  #resolve: () => void = () => {};
  #deadlineMs: number | undefined;
  #isRequested = false;

  constructor(settings: DrainSettings, deps: DrainDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.requested = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get isRequested(): boolean {
    return this.#isRequested || this.#deadlineMs !== undefined;
  }

  /** Idempotent: the first one decides. What is not given is as in the configuration. */
  request(wish: Partial<DrainSettings>): void {
    if (this.isRequested) return;
    this.#isRequested = true;
    this.#settings = {
      timeoutMs: wish.timeoutMs ?? this.#settings.timeoutMs,
      uri: wish.uri ?? this.#settings.uri,
    };
    this.#deadlineMs = Date.now() + this.#settings.timeoutMs;
    this.#resolve();
  }

  status(sessions: number): DrainStatus {
    return { draining: this.isRequested, sessions, deadlineMs: this.#deadlineMs ?? null };
  }

  /** Resolves when nobody is left, or nobody has to be waited for any more. */
  async run(node: DrainedNode): Promise<void> {
    const { logger } = this.#deps;
    const { timeoutMs } = this.#settings;
    this.#deadlineMs ??= Date.now() + timeoutMs;
    if (timeoutMs <= 0) return;
    const nextUri = (): string => this.#settings.uri ?? this.#ring.next();
    this.#ring.update(this.#deps.successors?.() ?? []);
    node.beginDrain(nextUri);
    const sessions = node.sessionCount;
    logger.info({ sessions, timeoutMs }, "the node drains");
    const perTick = Math.max(
      Math.ceil((SESSIONS_PER_SECOND * TICK_MS) / 1_000),
      Math.ceil((sessions * TICK_MS) / (timeoutMs * TELL_SHARE)),
    );
    const endsAt = performance.now() + timeoutMs;
    while (node.sessionCount > 0 && performance.now() < endsAt) {
      node.sendAway(perTick, nextUri);
      await delay(TICK_MS);
      this.#ring.update(this.#deps.successors?.() ?? []);
    }
    logger.info({ left: sessions - node.sessionCount, remaining: node.sessionCount }, "the drain is over");
  }
}
