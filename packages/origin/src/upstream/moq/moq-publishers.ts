import { ERROR_CODES } from "@canopy/protocol";
import { type Broadcast, type PublisherSession, Store } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import type { BroadcastIngest } from "../../ingest/broadcast-ingest.ts";
import type { BroadcastRegistry } from "../../ingest/broadcast-registry.ts";
import type { Publisher } from "../../ingest/publisher.ts";
import { OriginError } from "../../origin-error.ts";
import { MoqIngest } from "./moq-ingest.ts";
import { PassThroughSource } from "./pass-through.ts";

export interface MoqPublishersDeps {
  readonly registry: BroadcastRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
}

const TICK_MS = 500;
/** A publisher that is silent for this long is asked whether it is still there. */
const ASK_AFTER_SILENCE_MS = 1_000;
/** A killed browser says nothing, and must be able to publish again in less than 5 s. */
const LOST_AFTER_SILENCE_MS = 2_500;
/** A publisher's own frames wait here only until they were copied, so little is kept: 32 MiB at worst per session. */
const STORE_LIMITS = {
  maxBroadcasts: 16,
  maxCacheMs: 1_000,
  maxCacheBytes: 32 * 1024 * 1024,
} as const;

interface Session {
  readonly publisher: PublisherSession;
  readonly store: Store;
  readonly unwatch: () => void;
  readonly ingests: Map<Broadcast, Opened>;
}

interface Opened {
  readonly ingest: BroadcastIngest;
  readonly moq: MoqIngest;
  readonly publisher: Publisher;
}

/**
 * MoQ publishers into broadcasts. Each session gets a store of its own: what it announces there becomes a broadcast
 * of the same path at this node, if the registry allows it.
 */
export class MoqPublishers implements Disposable {
  readonly #deps: MoqPublishersDeps;
  readonly #sessions = new Set<Session>();
  readonly #passThrough = new WeakMap<BroadcastIngest, PassThroughSource>();
  readonly #timer: NodeJS.Timeout;

  constructor(deps: MoqPublishersDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The relay's hook: returns the store that the session's broadcasts are taken into. */
  open(publisher: PublisherSession): Store {
    // Without linger: the registry decides how long a broadcast waits for its publisher.
    const store = new Store({ lingerMs: 0, limits: STORE_LIMITS }, { clock: this.#deps.clock });
    store.onObserverFailed = (track, err) => {
      this.#deps.logger.error({ err, track: track.name }, "what a MoQ publisher sends could not be taken in");
      // The session's store is in the middle of a flush.
      queueMicrotask(() => publisher.close(ERROR_CODES.closed, "The origin has failed."));
    };
    const ingests = new Map<Broadcast, Opened>();
    const session: Session = {
      publisher,
      store,
      ingests,
      unwatch: store.watch("", {
        onActive: (broadcast) => this.#onActive(session, broadcast),
        onEnded: (broadcast) => this.#onEnded(session, broadcast),
      }),
    };
    this.#sessions.add(session);
    return store;
  }

  /** Idempotent; the sessions themselves belong to the node. */
  close(): void {
    clearInterval(this.#timer);
    for (const session of [...this.#sessions]) this.#closeSession(session);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #onActive(session: Session, source: Broadcast): void {
    const { registry, clock, logger } = this.#deps;
    const publisher: Publisher = {
      protocol: "moq",
      remoteAddress: session.publisher.session.remoteAddress,
      isSilent: () => session.publisher.session.stats().silentMs > LOST_AFTER_SILENCE_MS,
      kick: (error) => session.publisher.close(closeCode(error), error.message),
    };
    try {
      const passThrough = new PassThroughSource();
      const ingest = registry.open(source.path, publisher, passThrough);
      // A broadcast that goes on keeps the source that its store knows.
      const inForce = this.#passThrough.get(ingest) ?? passThrough;
      this.#passThrough.set(ingest, inForce);
      const moq = new MoqIngest({
        ingest,
        source,
        clock,
        logger,
        refuse: (reason) => session.publisher.close(ERROR_CODES.decode, reason),
      });
      session.ingests.set(source, { ingest, moq, publisher });
      inForce.connect(source);
      moq.start();
    } catch (error) {
      if (!(error instanceof OriginError)) throw error;
      logger.debug({ code: error.code, broadcast: source.path }, "moq publisher refused");
      // The session is in the middle of telling the store about the announcement.
      queueMicrotask(() => publisher.kick(error));
    }
  }

  #onEnded(session: Session, source: Broadcast): void {
    const opened = session.ingests.get(source);
    if (opened === undefined) return;
    session.ingests.delete(source);
    opened.moq.close();
    if (opened.ingest.publisher === opened.publisher)
      this.#passThrough.get(opened.ingest)?.connect(undefined);
    // A closed session may be a page that is loaded again; who takes an announcement back means it.
    const how = session.publisher.session.closed ? "lost" : "ended";
    this.#deps.registry.release(opened.ingest, opened.publisher, how);
  }

  #tick(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const session of [...this.#sessions]) {
      const { session: transport } = session.publisher;
      if (transport.closed) {
        this.#closeSession(session);
        continue;
      }
      session.store.tick(nowMs);
      if (session.ingests.size > 0 && transport.stats().silentMs > ASK_AFTER_SILENCE_MS) transport.ping();
    }
  }

  #closeSession(session: Session): void {
    this.#sessions.delete(session);
    session.store.close();
    session.unwatch();
  }
}

function closeCode(error: OriginError): number {
  switch (error.code) {
    case "broadcast-in-use":
    case "taken-over":
      return ERROR_CODES.duplicate;
    case "too-many-broadcasts":
      return ERROR_CODES.boundsExceeded;
    case "unauthorized":
      return ERROR_CODES.unauthorized;
    default:
      return ERROR_CODES.closed;
  }
}
