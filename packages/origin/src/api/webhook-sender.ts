import { createHmac } from "node:crypto";
import { BoundedQueue, backoffMs, type Clock, type Logger } from "@canopy/runtime";

export type WebhookEventType =
  | "broadcast.started"
  | "broadcast.ended"
  | "session.opened"
  | "session.closed"
  | "recording.ready"
  | "restream.failed";

export interface WebhookOptions {
  /** Where events are POSTed; none = webhooks are off. */
  readonly urls: readonly string[];
  /** Key of the HMAC-SHA256 in the header `canopy-signature`. */
  readonly secret: string;
  /** Events that wait for one URL; the oldest is dropped for a new one. 1,000 are about 500 KB. */
  readonly maxQueued: number;
  /** Deliveries of one event before it is given up. */
  readonly maxAttempts: number;
  /** For one attempt. */
  readonly timeoutMs: number;
}

export const DEFAULT_WEBHOOK_OPTIONS: WebhookOptions = {
  urls: [],
  secret: "",
  maxQueued: 1_000,
  maxAttempts: 5,
  timeoutMs: 5_000,
};

export interface WebhookDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A new ULID. */
  createId(nowMs: number): string;
  readonly fetch?: typeof fetch;
  readonly random?: () => number;
}

/** Body of a webhook. Receivers tell repeated deliveries by `id`. */
export interface WebhookEvent {
  readonly id: string;
  readonly type: WebhookEventType;
  /** ISO 8601. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * `t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over `<unix seconds>.<body>`. The time is signed, too, so that a receiver
 * can refuse what is old.
 */
export function signWebhook(secret: string, unixSeconds: number, body: string): string {
  const digest = createHmac("sha256", secret).update(`${unixSeconds}.${body}`).digest("hex");
  return `t=${unixSeconds},v1=${digest}`;
}

/** Delivers events in order, one at a time per URL. A receiver that is down holds up nothing else. */
export class WebhookSender implements Disposable {
  readonly #deps: WebhookDeps;
  readonly #controller = new AbortController();
  readonly #targets: Target[];

  constructor(options: WebhookOptions, deps: WebhookDeps) {
    this.#deps = deps;
    this.#targets = options.urls.map((url) => new Target(url, options, deps, this.#controller.signal));
  }

  /** Events that were given up or dropped, since the start. */
  get lost(): number {
    return this.#targets.reduce((sum, target) => sum + target.lost, 0);
  }

  send(type: WebhookEventType, data: Readonly<Record<string, unknown>>): void {
    if (this.#targets.length === 0 || this.#controller.signal.aborted) return;
    const nowMs = this.#deps.clock.nowMs();
    const event: WebhookEvent = {
      id: this.#deps.createId(nowMs),
      type,
      at: new Date(nowMs).toISOString(),
      data,
    };
    const body = JSON.stringify(event);
    for (const target of this.#targets) target.push(body);
  }

  /** Gives up what is not delivered. Idempotent. */
  close(): void {
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

class Target {
  lost = 0;
  readonly #url: string;
  readonly #options: WebhookOptions;
  readonly #deps: WebhookDeps;
  readonly #signal: AbortSignal;
  readonly #queue: BoundedQueue<string>;
  #running = false;

  constructor(url: string, options: WebhookOptions, deps: WebhookDeps, signal: AbortSignal) {
    this.#url = url;
    this.#options = options;
    this.#deps = deps;
    this.#signal = signal;
    this.#queue = new BoundedQueue({
      capacity: options.maxQueued,
      overflow: "drop-oldest",
      onDrop: () => {
        this.lost++;
      },
    });
  }

  push(body: string): void {
    this.#queue.push(body);
    if (this.#running) return;
    this.#running = true;
    // Settles by itself: every failure is counted inside.
    void this.#run();
  }

  async #run(): Promise<void> {
    for (let body = this.#queue.shift(); body !== undefined; body = this.#queue.shift()) {
      if (this.#signal.aborted || !(await this.#deliver(body))) this.lost++;
    }
    this.#running = false;
  }

  async #deliver(body: string): Promise<boolean> {
    for (let attempt = 0; attempt < this.#options.maxAttempts; attempt++) {
      if (attempt > 0) await this.#wait(attempt - 1);
      if (this.#signal.aborted) return false;
      if (await this.#attempt(body)) return true;
    }
    this.#deps.logger.warn(
      { url: withoutQuery(this.#url), lost: this.lost + 1 },
      "a webhook was not delivered",
    );
    return false;
  }

  async #attempt(body: string): Promise<boolean> {
    const unixSeconds = Math.floor(this.#deps.clock.nowMs() / 1_000);
    try {
      const response = await (this.#deps.fetch ?? fetch)(this.#url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "canopy-signature": signWebhook(this.#options.secret, unixSeconds, body),
        },
        body,
        redirect: "error",
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(this.#options.timeoutMs)]),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  #wait(attempt: number): Promise<void> {
    const delayMs = backoffMs(attempt, (this.#deps.random ?? Math.random)(), { baseMs: 500, capMs: 30_000 });
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      timer.unref();
      this.#signal.addEventListener("abort", done);
    });
  }
}

/** A URL may carry a secret of the receiver. */
function withoutQuery(url: string): string {
  return url.split("?")[0] ?? "";
}
