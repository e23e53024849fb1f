import { ERROR_CODES, type ErrorCode } from "@canopy/protocol";
import type { Session } from "@canopy/transport";
import { PeerSession } from "../peer/peer-session.ts";
import type { RouteParent } from "../store/route.ts";
import type { Parent } from "../tree/choose-parent.ts";
import { SilenceDetector } from "../tree/detect-silence.ts";
import type { ParentLinkDeps, ParentLinkOptions } from "./parent-link.ts";

export type ParentConnectionDeps = Omit<ParentLinkDeps, "chooser" | "random">;

import type { ParentSwitchReason } from "./upstream-counters.ts";
import { UpstreamSession } from "./upstream-session.ts";

export interface ParentConnectionEvents {
  /** The parent has told all broadcasts that it has. */
  onReady(): void;
  onGoaway(uri: string): void;
  /** The parent has told its hop id (lite-05). */
  onOriginId?(originId: number): void;
  /** Called once; not after `close` or `leave`. */
  onLost(reason: ParentSwitchReason): void;
}

/** One attempt at a parent, and what becomes of it. */
export class ParentConnection {
  readonly parent: Parent;
  readonly startedAtMs: number;
  /** The parent has said GOAWAY. */
  leaving = false;
  private readonly options: ParentLinkOptions;
  private readonly deps: ParentConnectionDeps;
  private readonly events: ParentConnectionEvents;
  private readonly place: RouteParent | undefined;
  private readonly abort = new AbortController();
  private peer: PeerSession | undefined;
  private silence: SilenceDetector | undefined;
  private over = false;

  constructor(
    parent: Parent,
    options: ParentLinkOptions,
    deps: ParentConnectionDeps,
    events: ParentConnectionEvents,
    place?: RouteParent,
  ) {
    this.parent = parent;
    this.options = options;
    this.deps = deps;
    this.events = events;
    this.place = place;
    this.startedAtMs = deps.clock.nowMs();
  }

  get session(): Session | undefined {
    return this.peer?.session;
  }

  /** Tracks that are asked from this parent. */
  /** Broadcasts that the parent has told of. */
  get routeCount(): number {
    return this.peer?.upstream?.routeCount ?? 0;
  }

  get subscriptionCount(): number {
    return this.peer?.upstream?.subscriptionCount ?? 0;
  }

  get rttMs(): number {
    return this.peer?.session.stats().rttMs ?? 0;
  }

  start(): void {
    this.deps.connect(this.parent, this.abort.signal).then(
      (session) => this.onConnected(session),
      (error: unknown) => {
        this.deps.logger.debug({ err: error, parent: this.parent.url }, "parent not reached");
        this.lose("refused");
      },
    );
  }

  private onConnected(session: Session): void {
    if (this.over) {
      session.close(ERROR_CODES.cancel, "not needed");
      this.deps.onSessionClosed?.(session);
      return;
    }
    const { options, deps } = this;
    const path = sessionPath(this.parent);
    const peer = new PeerSession(
      session,
      // Where the transport has a URL the path is in it already.
      {
        role: "client",
        clock: deps.clock,
        originId: options.originId,
        path: session.path === "" && path !== "/" ? path : undefined,
        serves: false,
      },
      deps.createMoq,
      {
        onPeerSetup: ({ originId }) => {
          if (originId !== undefined && !this.over) this.events.onOriginId?.(originId);
        },
        onGoaway: (uri) => {
          // Once: a parent that repeats itself must not keep this node busy.
          if (this.leaving) return;
          this.leaving = true;
          this.events.onGoaway(uri);
        },
        onClose: () => {
          deps.onSessionClosed?.(session);
          this.lose("closed");
        },
      },
    );
    this.peer = peer;
    this.silence = new SilenceDetector(options, deps.clock.nowMs());
    peer.upstream = new UpstreamSession(
      {
        root: "",
        prefixes: [""],
        originId: options.originId,
        via: peer,
        publisher: false,
        parent: this.place,
      },
      {
        moq: peer.moq,
        store: deps.store,
        counters: deps.counters,
        clock: deps.clock,
        logger: deps.logger,
        onReady: () => {
          if (!this.over) this.events.onReady();
        },
      },
    );
    peer.upstream.start();
  }

  /** Pings, and tells whether the parent has been silent for too long. */
  isSilent(nowMs: number): boolean {
    if (this.peer === undefined || this.silence === undefined) return false;
    const { session, moq } = this.peer;
    moq.onTick(nowMs);
    const silent = this.silence.look(nowMs, session.stats().silentMs);
    if (!silent) session.ping();
    return silent;
  }

  /** The parent is gone; its broadcasts linger until another way to them is found. */
  lose(reason: ParentSwitchReason): void {
    if (this.over) return;
    this.close(ERROR_CODES.timeout, reason, { linger: true });
    this.events.onLost(reason);
  }

  /** Another parent has taken over. What it does not have yet lingers, instead of ending for the viewers. */
  leave(): void {
    this.close(ERROR_CODES.cancel, "moved to another parent", { linger: true });
  }

  /** Idempotent. */
  close(code: ErrorCode, reason: string, options: { readonly linger: boolean }): void {
    if (this.over) return;
    this.over = true;
    this.abort.abort();
    this.peer?.close(code, reason, options);
  }
}

/** Path with query of a parent's url, with the token that it is shown. */
function sessionPath(parent: Parent): string {
  if (!URL.canParse(parent.url)) return "";
  const url = new URL(parent.url);
  const { token } = parent;
  if (token !== undefined) url.searchParams.set("jwt", typeof token === "function" ? token() : token);
  return `${url.pathname}${url.search}`;
}
