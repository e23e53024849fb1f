import { PlayerError } from "../player-error.ts";

/** `known`: edges that can be asked as well. Rejects with `PlayerError`. */
export type LocateEdges = (signal: AbortSignal, known: readonly string[]) => Promise<readonly string[]>;

/** The edges that a player may take: those of the page, or those that the network names for it. */
export class EdgeList {
  readonly #spare: readonly string[];
  readonly #locate: LocateEdges | undefined;
  #sources: readonly string[];

  /** `spare`: the edges of the page; where edges are located the last resort. */
  constructor(spare: readonly string[], locate: LocateEdges | undefined) {
    this.#spare = spare;
    this.#locate = locate;
    this.#sources = spare;
  }

  /** In order of preference. */
  get sources(): readonly string[] {
    return this.#sources;
  }

  /** Undefined: they stay as they are. Otherwise they are asked for, and the result is why there is none. */
  renew(signal: AbortSignal): Promise<PlayerError | undefined> | undefined {
    return this.#locate === undefined ? undefined : this.#ask(this.#locate, signal);
  }

  /** Undefined: there is nobody to ask. Otherwise the edges that the network names now, none if it does not answer. */
  get ask(): ((signal: AbortSignal) => Promise<readonly string[]>) | undefined {
    const locate = this.#locate;
    if (locate === undefined) return undefined;
    return (signal) => locate(signal, this.#sources).catch(() => []);
  }

  /**
   * Asks once more while the edge `current` is in use, which then stands first. True: the list is another one now. A
   * locator that does not answer changes nothing, nor does an answer that is not `isWanted` any more.
   */
  async renewAround(current: string, signal: AbortSignal, isWanted: () => boolean): Promise<boolean> {
    if (this.#locate === undefined) return false;
    try {
      const named = await this.#locate(signal, this.#sources);
      if (!isWanted()) return false;
      const others = named.filter((src) => src !== current);
      // No longer than the answer, whose last edge is the one elsewhere, for when all that is near is gone.
      this.#sources = [current, ...others.slice(Math.max(0, others.length + 1 - named.length))];
      return true;
    } catch {
      return false;
    }
  }

  async #ask(locate: LocateEdges, signal: AbortSignal): Promise<PlayerError | undefined> {
    let failure = new PlayerError("unreachable", "no edge is known");
    try {
      this.#sources = await locate(signal, this.#sources);
    } catch (error) {
      if (error instanceof PlayerError) failure = error;
      // The edges of the last answer, or those of the page, may still be there.
      if (this.#sources.length === 0) this.#sources = this.#spare;
    }
    return this.#sources.length > 0 ? undefined : failure;
  }
}
