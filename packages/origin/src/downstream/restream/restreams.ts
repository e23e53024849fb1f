import type { Store } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import { OriginError } from "../../origin-error.ts";
import { parseRtmpUrl } from "../rtmp-push/rtmp-url.ts";
import { Restream, type RestreamDescription, type RestreamState } from "./restream.ts";
import { RestreamCounters } from "./restream-counters.ts";
import { isAllowedHost, type RestreamOptions } from "./restream-options.ts";

export interface RestreamsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  createId(nowMs: number): string;
  onFailed(restream: RestreamDescription, error: OriginError): void;
}

const TICK_MS = 500;

/** All restreams of this origin. They live in this process: whoever wants them after a restart asks again. */
export class Restreams implements Disposable {
  readonly counters = new RestreamCounters();
  readonly #options: RestreamOptions;
  readonly #deps: RestreamsDeps;
  readonly #restreams = new Map<string, Restream>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RestreamOptions, deps: RestreamsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  [Symbol.iterator](): Iterator<Restream> {
    return this.#restreams.values();
  }

  get(id: string): Restream | undefined {
    return this.#restreams.get(id);
  }

  countIn(state: RestreamState): number {
    let count = 0;
    for (const restream of this.#restreams.values()) if (restream.state === state) count += 1;
    return count;
  }

  /**
   * Starts one; a broadcast that is not there yet is waited for.
   * @throws OriginError `bad-target`, `broadcast-in-use` (it goes there already), `too-many-restreams`
   */
  add(broadcast: string, target: string): Restream {
    const { host } = parseRtmpUrl(target);
    if (!isAllowedHost(host, this.#options.allowedHosts)) {
      throw new OriginError("bad-target", `The host ${host} is not among those that may be restreamed to.`);
    }
    for (const { settings } of this.#restreams.values()) {
      if (settings.broadcast === broadcast && settings.target === target) {
        throw new OriginError("broadcast-in-use", `${broadcast} is being restreamed there already.`);
      }
    }
    const { maxRestreams } = this.#options;
    if (this.#restreams.size >= maxRestreams) {
      throw new OriginError("too-many-restreams", `${maxRestreams} restreams are on already.`);
    }
    const { store, clock, logger, createId, onFailed } = this.#deps;
    const id = createId(clock.nowMs());
    const restream = new Restream(
      { id, broadcast, target },
      {
        store,
        clock,
        logger,
        counters: this.counters,
        onFailed: (failed, error) => onFailed(failed.describe(), error),
      },
    );
    this.#restreams.set(id, restream);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    return restream;
  }

  /** Returns false if there is none of that id. */
  remove(id: string): boolean {
    const restream = this.#restreams.get(id);
    if (restream === undefined) return false;
    this.#restreams.delete(id);
    restream.close();
    return true;
  }

  /** Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    for (const id of [...this.#restreams.keys()]) this.remove(id);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #tick(): void {
    for (const restream of this.#restreams.values()) restream.tick();
  }
}
