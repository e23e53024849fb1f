import { MediaError } from "@canopy/media";
import { RelayError, type RouteSource, type Store } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import type { TranscoderThread } from "../audio/transcoder-thread.ts";
import { OriginError } from "../origin-error.ts";
import type { TimedKind } from "../timed/timed-lane.ts";
import { BroadcastIngest } from "./broadcast-ingest.ts";
import type { IngestOptions } from "./ingest-options.ts";
import type { Publisher } from "./publisher.ts";

/** Told of broadcasts that begin and end here; a reconnection within the linger time is neither. */
export interface BroadcastEvents {
  onStarted(ingest: BroadcastIngest): void;
  onEnded(ingest: BroadcastIngest, reason: EndReason): void;
  /** The publisher of a broadcast that goes on came back, or is gone and may come back. */
  onPublisher?(ingest: BroadcastIngest, connected: boolean): void;
}

export type EndReason = "lost" | "kicked" | "replaced" | "closed" | "taken-over";

export interface BroadcastRegistryDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: BroadcastEvents;
  /** A new ULID. */
  createId(nowMs: number): string;
  countTimed(kind: TimedKind): void;
  /** Undefined: sound is not transcoded. */
  readonly transcoders?: TranscoderThread;
}

const TICK_MS = 1_000;
/** A publisher that ends its broadcast in order to begin it anew (a changed setting) does so at once. */
const ENDED_LINGER_MS = 1_000;

/** The broadcasts that are published at this node: who may publish which path, and for how long it waits for him. */
export class BroadcastRegistry implements Disposable {
  readonly #options: IngestOptions;
  readonly #deps: BroadcastRegistryDeps;
  readonly #ingests = new Map<string, BroadcastIngest>();
  readonly #timer: NodeJS.Timeout;
  #closed = false;

  constructor(options: IngestOptions, deps: BroadcastRegistryDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#timer = setInterval(() => this.tick(deps.clock.nowMs()), TICK_MS);
    this.#timer.unref();
  }

  get size(): number {
    return this.#ingests.size;
  }

  get(path: string): BroadcastIngest | undefined {
    return this.#ingests.get(path);
  }

  [Symbol.iterator](): Iterator<BroadcastIngest> {
    return this.#ingests.values();
  }

  /**
   * Refuses what `open` would refuse now, for publishers that are not connected yet.
   * @throws OriginError `broadcast-in-use`, `too-many-broadcasts`, `closed`
   */
  checkOpen(path: string): void {
    if (this.#closed) throw new OriginError("closed", "The server is shutting down.");
    const existing = this.#ingests.get(path);
    if (existing === undefined) this.#checkRoom();
    else if (existing.connected) this.#checkConflict(existing);
  }

  /**
   * Opens a path for a publisher: anew, as the continuation of a broadcast that waits for its publisher, or by taking
   * it over from one that has fallen silent or, if so configured, from any other.
   * `source` gives tracks that the broadcast does not create itself, on demand; a continued broadcast keeps its own.
   * @throws OriginError `broadcast-in-use`, `too-many-broadcasts`, `bad-path`, `closed`
   */
  open(path: string, publisher: Publisher, source?: RouteSource): BroadcastIngest {
    if (this.#closed) throw new OriginError("closed", "The server is shutting down.");
    const existing = this.#ingests.get(path);
    if (existing === undefined) return this.#start(path, publisher, source);
    if (existing.connected) {
      const former = existing.publisher;
      this.#checkConflict(existing);
      existing.detach();
      former.kick(new OriginError("taken-over", `Another publisher has taken over ${path}.`));
    }
    // Tracks of another protocol have other names and codecs: a new broadcast, not a continuation.
    if (existing.publisher.protocol !== publisher.protocol) {
      this.#end(existing, "replaced");
      return this.#start(path, publisher, source);
    }
    existing.attach(publisher);
    this.#deps.events.onPublisher?.(existing, true);
    this.#deps.logger.info({ broadcast: path, protocol: publisher.protocol }, "publisher is back");
    return existing;
  }

  /**
   * The publisher is gone, or has said itself that the broadcast is over. Does nothing if another one has taken over
   * meanwhile.
   */
  release(ingest: BroadcastIngest, publisher: Publisher, how: "lost" | "ended" = "lost"): void {
    if (ingest.publisher !== publisher || !ingest.connected) return;
    const { lingerMs } = this.#options;
    ingest.detach(how === "ended" ? Math.min(ENDED_LINGER_MS, lingerMs) : lingerMs);
    this.#deps.logger.info({ broadcast: ingest.path, how }, "publisher is gone");
    if (lingerMs <= 0) this.#end(ingest, "lost");
    else this.#deps.events.onPublisher?.(ingest, false);
  }

  /** Ends a broadcast and its publisher's connection. Returns false if there is none. */
  kick(path: string): boolean {
    const ingest = this.#ingests.get(path);
    if (ingest === undefined) return false;
    const { publisher, connected } = ingest;
    this.#end(ingest, "kicked");
    if (connected) publisher.kick(new OriginError("kicked", "The broadcast was ended by the operator."));
    return true;
  }

  /** Another origin has the path: ends the broadcast here and its publisher's connection. */
  yieldPath(ingest: BroadcastIngest, error: OriginError): void {
    const { publisher, connected } = ingest;
    this.#end(ingest, "taken-over");
    if (connected) publisher.kick(error);
  }

  /** Called once a second. */
  tick(nowMs: number): void {
    for (const ingest of [...this.#ingests.values()]) {
      // The store may have ended it, e.g. at its limits.
      if (ingest.broadcast.closed) this.#end(ingest, "closed");
      else if (!ingest.connected && nowMs >= ingest.waitsUntilMs) this.#end(ingest, "lost");
      else this.#look(ingest, nowMs);
    }
  }

  #look(ingest: BroadcastIngest, nowMs: number): void {
    try {
      ingest.tick(nowMs);
    } catch (cause) {
      // With what is measured here, a publisher's own catalog can become more than players take.
      if (!(cause instanceof MediaError)) throw cause;
      const message = `The catalog is not valid: ${cause.message}.`;
      ingest.publisher.kick(new OriginError("bad-media", message, { cause }));
    }
  }

  /** Ends all broadcasts. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const ingest of [...this.#ingests.values()]) this.#end(ingest, "closed");
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checkConflict(existing: BroadcastIngest): void {
    if (this.#options.publisherConflict === "takeover" || existing.publisher.isSilent?.() === true) return;
    throw new OriginError("broadcast-in-use", `${existing.path} is being published already.`);
  }

  #checkRoom(): void {
    const { maxBroadcasts } = this.#options;
    if (this.#ingests.size >= maxBroadcasts)
      throw new OriginError("too-many-broadcasts", `${maxBroadcasts} broadcasts are on already.`);
  }

  #start(path: string, publisher: Publisher, source: RouteSource | undefined): BroadcastIngest {
    this.#checkRoom();
    const ingest = this.#publish(path, publisher, source);
    this.#ingests.set(path, ingest);
    this.#deps.logger.info({ broadcast: path, protocol: publisher.protocol }, "broadcast started");
    this.#deps.events.onStarted(ingest);
    return ingest;
  }

  #publish(path: string, publisher: Publisher, source: RouteSource | undefined): BroadcastIngest {
    const { store, clock, createId, countTimed, transcoders } = this.#deps;
    try {
      const broadcast = store.publish(path, source === undefined ? {} : { source });
      const route = broadcast.routes.find((candidate) => candidate.source === source);
      const withdraw = (): void => {
        if (route !== undefined) store.removeRoute(route, { linger: false });
      };
      return new BroadcastIngest(this.#options, publisher, {
        broadcast,
        clock,
        withdraw,
        createId,
        countTimed,
        ...(transcoders === undefined ? {} : { transcoders }),
      });
    } catch (cause) {
      if (!(cause instanceof RelayError)) throw cause;
      switch (cause.code) {
        case "broadcast_exists":
          throw new OriginError("broadcast-in-use", `${path} is being published already.`, { cause });
        case "invalid_path":
          throw new OriginError("bad-path", "The broadcast path is not valid.", { cause });
        default:
          throw new OriginError("too-many-broadcasts", "The server takes no more broadcasts.", { cause });
      }
    }
  }

  #end(ingest: BroadcastIngest, reason: EndReason): void {
    if (this.#ingests.get(ingest.path) !== ingest) return;
    this.#ingests.delete(ingest.path);
    const { publisher, connected } = ingest;
    if (connected) ingest.detach();
    ingest.end();
    if (connected && reason === "closed")
      publisher.kick(new OriginError("closed", "The broadcast has ended."));
    this.#deps.logger.info({ broadcast: ingest.path, reason }, "broadcast ended");
    this.#deps.events.onEnded(ingest, reason);
  }
}
