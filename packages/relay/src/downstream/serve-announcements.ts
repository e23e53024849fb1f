import type { AnnounceResponder } from "@canopy/protocol";
import { isUnder, joinPaths, mayGet, normalizeScopePath, type SessionScope } from "@canopy/runtime";
import type { Broadcast } from "../store/broadcast.ts";
import type { Store } from "../store/store.ts";
import type { BroadcastWatcher } from "../store/watch-broadcasts.ts";

export interface AnnouncementsOptions {
  readonly scope: SessionScope;
  /** Identity of the session: what came from it is not announced back to it. */
  readonly via: object;
  /** False on versions where repeating an active path is a violation (lite-04 and older). */
  readonly mayReplace: () => boolean;
}

/** Tells one peer which broadcasts there are below the prefix he asked for, by names relative to his root. */
export class ServedAnnouncements implements BroadcastWatcher {
  private readonly responder: AnnounceResponder;
  private readonly options: AnnouncementsOptions;
  private readonly onClosed: (announcements: ServedAnnouncements) => void;
  /** What the peer holds as active, with the hops he was told. */
  private readonly announced = new Map<string, readonly number[]>();
  private stopWatching: (() => void) | undefined;
  private initial: { readonly path: string; readonly hops: readonly number[] }[] | undefined = [];
  private closed = false;

  constructor(
    responder: AnnounceResponder,
    options: AnnouncementsOptions,
    onClosed: (announcements: ServedAnnouncements) => void,
  ) {
    this.responder = responder;
    this.options = options;
    this.onClosed = onClosed;
  }

  start(store: Store): void {
    const { responder } = this;
    responder.onClosed = () => this.close();
    const prefix = joinPaths(this.options.scope.root, normalizeScopePath(responder.prefix));
    this.stopWatching = store.watch(prefix, this);
    const active = this.initial ?? [];
    this.initial = undefined;
    responder.start(active);
  }

  onActive(broadcast: Broadcast): void {
    const path = this.visiblePath(broadcast);
    if (path === undefined || this.isBack(broadcast)) return;
    this.announced.set(path, broadcast.hops);
    if (this.initial === undefined) this.responder.active(path, broadcast.hops);
    else this.initial.push({ path, hops: broadcast.hops });
  }

  onRerouted(broadcast: Broadcast): void {
    const path = this.visiblePath(broadcast);
    if (path === undefined) return;
    const known = this.announced.get(path);
    if (this.isBack(broadcast)) {
      // The way now leads through the peer itself: to him this is no way at all.
      if (known !== undefined) this.withdraw(path);
      return;
    }
    if (known !== undefined && (sameHops(known, broadcast.hops) || !this.options.mayReplace())) return;
    this.announced.set(path, broadcast.hops);
    this.responder.active(path, broadcast.hops);
  }

  onEnded(broadcast: Broadcast): void {
    const path = this.visiblePath(broadcast);
    if (path !== undefined && this.announced.has(path)) this.withdraw(path);
  }

  private withdraw(path: string): void {
    this.announced.delete(path);
    this.responder.ended(path);
  }

  /** Relative to the session's root; undefined if it may not be seen. */
  private visiblePath(broadcast: Broadcast): string | undefined {
    const { scope } = this.options;
    if (!isUnder(broadcast.path, scope.root)) return undefined;
    const path = scope.root === "" ? broadcast.path : broadcast.path.slice(scope.root.length + 1);
    return mayGet(scope, path) ? path : undefined;
  }

  /** Loop protection: not to the session it came from, nor to a node that is in its chain of hops. */
  private isBack(broadcast: Broadcast): boolean {
    if (broadcast.route.via === this.options.via) return true;
    const { excludeHop } = this.responder;
    return excludeHop !== 0 && broadcast.hops.includes(excludeHop);
  }

  /** Idempotent; does not tell the peer. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.stopWatching?.();
    this.announced.clear();
    this.onClosed(this);
  }
}

function sameHops(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((hop, index) => hop === b[index]);
}
