import { isUnder } from "@canopy/runtime";
import type { Broadcast } from "./broadcast.ts";

/** Told of the broadcasts below a prefix. */
export interface BroadcastWatcher {
  onActive(broadcast: Broadcast): void;
  onEnded(broadcast: Broadcast): void;
  /** The same incarnation now comes by another route (other hops, perhaps another session). */
  onRerouted?(broadcast: Broadcast): void;
}

/** The watchers of a store. A watcher may be removed while it is being told. */
export class BroadcastWatchers {
  private readonly entries = new Set<{ readonly prefix: string; readonly watcher: BroadcastWatcher }>();

  get size(): number {
    return this.entries.size;
  }

  add(prefix: string, watcher: BroadcastWatcher, active: Iterable<Broadcast>): () => void {
    const entry = { prefix, watcher };
    this.entries.add(entry);
    for (const broadcast of active) if (isUnder(broadcast.path, prefix)) watcher.onActive(broadcast);
    return () => {
      this.entries.delete(entry);
    };
  }

  active(broadcast: Broadcast): void {
    for (const { prefix, watcher } of this.entries) {
      if (isUnder(broadcast.path, prefix)) watcher.onActive(broadcast);
    }
  }

  ended(broadcast: Broadcast): void {
    for (const { prefix, watcher } of this.entries) {
      if (isUnder(broadcast.path, prefix)) watcher.onEnded(broadcast);
    }
  }

  rerouted(broadcast: Broadcast): void {
    for (const { prefix, watcher } of this.entries) {
      if (isUnder(broadcast.path, prefix)) watcher.onRerouted?.(broadcast);
    }
  }
}
