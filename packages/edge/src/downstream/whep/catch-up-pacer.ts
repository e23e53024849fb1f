/** Whoever has more to send than may go out at once. */
export interface PacedSender {
  /** Sends one portion. False: nothing is left. */
  sendPortion(): boolean;
}

/** Portions go out this often. */
export const PACE_INTERVAL_MS = 5;

/**
 * Sends what viewers missed, the cached group at the start or after a loss, in portions instead of one burst that
 * would overflow the queues on their way. One timer for all, which runs only while somebody is behind.
 */
export class CatchUpPacer {
  readonly #senders = new Set<PacedSender>();
  #timer: NodeJS.Timeout | undefined;

  get size(): number {
    return this.#senders.size;
  }

  add(sender: PacedSender): void {
    this.#senders.add(sender);
    this.#timer ??= setInterval(() => this.#tick(), PACE_INTERVAL_MS);
  }

  remove(sender: PacedSender): void {
    this.#senders.delete(sender);
    if (this.#senders.size === 0) this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#senders.clear();
  }

  #tick(): void {
    for (const sender of this.#senders) if (!sender.sendPortion()) this.#senders.delete(sender);
    if (this.#senders.size === 0) this.close();
  }
}
