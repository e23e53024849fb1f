import { randomBytes } from "node:crypto";
import { busy, type PeerRequest, type PreparedPeer } from "@canopy/relay/webrtc";
import { type Clock, DropLog, type Logger, ProblemError } from "@canopy/runtime";
import { checkBroadcastPath } from "../../ingest/broadcast-path.ts";
import type { BroadcastRegistry } from "../../ingest/broadcast-registry.ts";
import type { Publisher } from "../../ingest/publisher.ts";
import { OriginError } from "../../origin-error.ts";
import { chooseMedia } from "./choose-media.ts";
import type { WhipCounters } from "./whip-counters.ts";
import type { WhipOptions } from "./whip-options.ts";
import { WhipSession } from "./whip-session.ts";

export interface WhipIngestDeps {
  readonly registry: BroadcastRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Exported; what was dropped is logged here as well. */
  readonly totals: WhipCounters;
  /** See `WhipSessionDeps`. */
  readonly onPublisher: (publisher: Publisher, path: string) => () => void;
}

/** Half the time that overtaking packets are waited for at most is lost to this. */
const TICK_MS = 20;

/** WHIP publishers into broadcasts. The HTTP side is `WebRtcRoutes`, which asks `prepare`. */
export class WhipIngest implements Disposable {
  readonly #options: WhipOptions;
  readonly #deps: WhipIngestDeps;
  readonly #sessions = new Set<WhipSession>();
  readonly #drops: DropLog;
  readonly #counters: WhipCounters;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WhipOptions, deps: WhipIngestDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#drops = new DropLog(
      { message: "packets of whip publishers were dropped" },
      { logger: deps.logger },
    );
    this.#counters = {
      dropped: (reason) => {
        deps.totals.dropped(reason);
        this.#drops.drop(reason);
      },
      refused: (code) => deps.totals.refused(code),
      receivedBytes: (bytes) => deps.totals.receivedBytes(bytes),
    };
  }

  /** Publishers that are connected, or on their way to it. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Decides what an offer is answered. @throws ProblemError 400, 409, 422, 503 */
  prepare(request: PeerRequest): PreparedPeer {
    const { broadcast, offer, remoteAddress } = request;
    const { maxVideoKbps, maxPublishers } = this.#options;
    if (broadcast === "")
      throw new ProblemError(
        400,
        "Bad Request",
        "The broadcast's name is missing: POST to /whip/<broadcast>.",
      );
    if (this.#closed) throw busy("the server is shutting down");
    if (this.#sessions.size >= maxPublishers) throw busy(`${maxPublishers} publishers are connected`);
    try {
      checkBroadcastPath(broadcast);
      this.#deps.registry.checkOpen(broadcast);
    } catch (error) {
      throw explain(error);
    }
    const media = chooseMedia(offer, { maxVideoKbps });
    const session = new WhipSession(
      {
        path: broadcast,
        remoteAddress,
        media,
        whip: this.#options,
        ssrc: randomBytes(4).readUInt32BE(),
      },
      {
        ...this.#deps,
        counters: this.#counters,
        onOver: (over) => this.#remove(over),
      },
    );
    this.#add(session);
    return {
      plan: media.plan,
      handler: session,
      attach: (peer) => session.attach(peer),
      abandon: () => this.#remove(session),
    };
  }

  /** Ends all sessions. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const session of [...this.#sessions]) session.close();
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#drops.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #add(session: WhipSession): void {
    this.#sessions.add(session);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
  }

  #remove(session: WhipSession): void {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const session of this.#sessions) session.tick(nowMs);
  }
}

/** A refusal as the publisher's HTTP client gets it. */
function explain(error: unknown): unknown {
  if (!(error instanceof OriginError)) return error;
  switch (error.code) {
    case "bad-path":
      return new ProblemError(400, "Bad Request", error.message, { cause: error });
    case "broadcast-in-use":
      return new ProblemError(409, "Conflict", error.message, { cause: error });
    default:
      return busy(error.message.replace(/\.$/, ""), error);
  }
}
