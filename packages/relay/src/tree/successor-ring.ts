/** A node that takes over sessions of one that stops. */
export interface Successor {
  readonly url: string;
  /** Sessions that it has room for; its share of those that are sent away. */
  readonly room: number;
}

interface Place extends Successor {
  credit: number;
}

/**
 * Hands out successors one by one, each as often as its room says and evenly mixed (smooth weighted round robin), so
 * that not everybody who leaves one node arrives at the same other one.
 */
export class SuccessorRing {
  private places: Place[] = [];

  /** Keeps the turn of those that stay on the list. */
  update(successors: readonly Successor[]): void {
    const credits = new Map(this.places.map(({ url, credit }) => [url, credit]));
    this.places = successors
      .filter(({ room }) => room > 0)
      .map(({ url, room }) => ({ url, room, credit: credits.get(url) ?? 0 }));
  }

  /** URL of the next one; "" if there is none, so that whoever goes decides for himself. */
  next(): string {
    let best: Place | undefined;
    let total = 0;
    for (const place of this.places) {
      place.credit += place.room;
      total += place.room;
      if (best === undefined || place.credit > best.credit) best = place;
    }
    if (best === undefined) return "";
    best.credit -= total;
    return best.url;
  }
}
