/** Has something to tell its handler, at the end of a flush. */
export interface Notifier {
  noticed: boolean;
  notify(): void;
}

/** Streams whose handlers are to be called, each once. */
export class NoticeQueue {
  #waiting: Notifier[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** False if it waits already. */
  add(notifier: Notifier): boolean {
    if (notifier.noticed) return false;
    notifier.noticed = true;
    this.#waiting.push(notifier);
    return true;
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Tells those that wait now; what they cause waits for the next time. `isOver`: a call before has ended the session. */
  run(isOver: () => boolean): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const notifier of waiting) {
      notifier.noticed = false;
      if (!isOver()) notifier.notify();
    }
  }
}
