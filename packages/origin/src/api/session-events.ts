import type { WebhookSender } from "./webhook-sender.ts";

export interface SessionFacts {
  /** `rtmp`, `whip`, `quic`, `webtransport` or `websocket`. */
  readonly transport: string;
  readonly remoteAddress: string;
  /** Broadcast that it publishes, or the root of its names. */
  readonly path: string;
}

interface Watched {
  readonly facts: SessionFacts;
  readonly id: string;
  readonly isClosed: () => boolean;
}

/** Webhooks `session.opened` and `session.closed`. */
export class SessionEvents {
  readonly #webhooks: WebhookSender;
  readonly #watched = new Set<Watched>();
  #count = 0;

  constructor(webhooks: WebhookSender) {
    this.#webhooks = webhooks;
  }

  /** Returns the function that tells of the end; it works once. */
  opened(facts: SessionFacts): () => void {
    const id = `${facts.transport}-${++this.#count}`;
    this.#webhooks.send("session.opened", { session: id, ...facts });
    let open = true;
    return () => {
      if (open) this.#webhooks.send("session.closed", { session: id, ...facts });
      open = false;
    };
  }

  /** For sessions whose owner can't tell of their end: looked at by `tick`. */
  watch(facts: SessionFacts, isClosed: () => boolean): void {
    const id = `${facts.transport}-${++this.#count}`;
    this.#webhooks.send("session.opened", { session: id, ...facts });
    this.#watched.add({ facts, id, isClosed });
  }

  /** Called once a second. */
  tick(): void {
    for (const watched of this.#watched) {
      if (!watched.isClosed()) continue;
      this.#watched.delete(watched);
      this.#webhooks.send("session.closed", { session: watched.id, ...watched.facts });
    }
  }
}
