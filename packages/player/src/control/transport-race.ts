import type { TransportMemory } from "../upstream/transport-memory.ts";
import type { UpstreamFactory, UpstreamSink } from "../upstream/upstream.ts";
import { headStartMs, rivalOf } from "./race.ts";
import type { WatchedSession } from "./session-media.ts";

export interface TransportRaceDeps {
  readonly memory: Pick<TransportMemory, "recall" | "remember">;
  /** Opens a session whose sink is made of the one that it would have if it were in use. */
  readonly open: (
    factory: UpstreamFactory,
    editSink: (inUse: UpstreamSink) => UpstreamSink,
  ) => WatchedSession;
  /** The rival has a session first. */
  readonly onWon: () => void;
}

export interface Rival extends WatchedSession {
  readonly transport: string;
  readonly index: number;
  readonly reason: string;
}

/** The same session over the next transport, dialled while the first one has none; the first to be up stays. */
export class TransportRace {
  readonly #factories: readonly UpstreamFactory[];
  readonly #deps: TransportRaceDeps;
  #rival: Rival | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(factories: readonly UpstreamFactory[], deps: TransportRaceDeps) {
    this.#factories = factories;
    this.#deps = deps;
  }

  get rival(): Rival | undefined {
    return this.#rival;
  }

  /** The transport at `index` is being dialled at `src`. False: there is none that runs against it. */
  start(index: number, src: string): boolean {
    const rival = rivalOf(this.#factories, index);
    if (rival === undefined) return false;
    const delayMs = headStartMs(this.#deps.memory.recall(src));
    const reason =
      delayMs === 0
        ? "it was the first to be up at this edge lately"
        : `WebTransport had no session after ${delayMs} ms`;
    this.#timer = setTimeout(() => this.#open(rival, src, reason), delayMs);
    return true;
  }

  /** Takes the rival out of the race. */
  take(): Rival | undefined {
    const rival = this.#rival;
    this.#rival = undefined;
    return rival;
  }

  /** Gives the rival up. Idempotent. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.take()?.upstream.close();
  }

  #open(index: number, src: string, reason: string): void {
    this.#timer = undefined;
    const factory = this.#factories[index];
    if (factory === undefined) return;
    let session: WatchedSession | undefined;
    const isRival = (): boolean => session !== undefined && this.#rival?.upstream === session.upstream;
    session = this.#deps.open(factory, (inUse) => ({
      ...inUse,
      onConnected: (timeBaseUrl) => {
        if (isRival()) {
          this.#deps.memory.remember(src, factory.transport);
          this.#deps.onWon();
        }
        inUse.onConnected(timeBaseUrl);
      },
      onClosed: (error) => {
        if (isRival()) this.#rival = undefined;
        else inUse.onClosed(error);
      },
    }));
    this.#rival = { ...session, transport: factory.transport, index, reason };
  }
}
