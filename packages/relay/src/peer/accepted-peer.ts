import { ERROR_CODES, type ErrorCode, type PeerSetup } from "@canopy/protocol";
import type { Clock, Logger, SessionScope } from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import type { DownstreamCounters } from "../downstream/downstream-counters.ts";
import type { DownstreamOptions } from "../downstream/downstream-options.ts";
import { DownstreamSession } from "../downstream/downstream-session.ts";
import type { Store } from "../store/store.ts";
import type { UpstreamCounters } from "../upstream/upstream-counters.ts";
import { UpstreamSession } from "../upstream/upstream-session.ts";
import type { CreateMoqConnection } from "./moq-connection.ts";
import { PeerSession } from "./peer-session.ts";

/** Asked with the path and query of the session; undefined = refused (then the session is closed). */
export type AuthorizePeer = (path: string) => Promise<SessionScope | undefined>;

/** A session that may publish. */
export interface PublisherSession {
  readonly session: Session;
  readonly scope: SessionScope;
  /** Ends the session, and with it the broadcasts that come from it. */
  close(code: ErrorCode, reason: string): void;
}

/** May name another store than the node's for the publisher's broadcasts. */
export type PublisherHook = (publisher: PublisherSession) => Store | undefined;

export interface AcceptedPeerOptions {
  readonly originId: number;
  /** For this session. */
  readonly downstream: DownstreamOptions;
  readonly acceptPublishers: boolean;
}

export interface AcceptedPeerDeps {
  readonly createMoq: CreateMoqConnection;
  readonly store: Store;
  readonly downstreamCounters: DownstreamCounters;
  readonly upstreamCounters: UpstreamCounters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onPublisherSession: PublisherHook | undefined;
  readonly onClosed: (peer: AcceptedPeer) => void;
}

/** A session that came to this node: a viewer, a child node or a publisher. */
export class AcceptedPeer {
  readonly session: Session;
  /** Hop id of the peer, if it has told (lite-05). */
  peerOriginId: number | undefined;
  private readonly options: AcceptedPeerOptions;
  private readonly deps: AcceptedPeerDeps;
  private readonly peer: PeerSession;
  private readonly openedAtMs: number;
  private authorize: AuthorizePeer | undefined;
  private sentAway = false;
  /** The path that the peer's names are relative to. */
  private root = "";

  constructor(session: Session, options: AcceptedPeerOptions, deps: AcceptedPeerDeps) {
    this.session = session;
    this.options = options;
    this.deps = deps;
    this.openedAtMs = deps.clock.nowMs();
    this.peer = new PeerSession(
      session,
      { role: "server", originId: options.originId, clock: deps.clock, serves: true },
      deps.createMoq,
      {
        onPeerSetup: (setup) => this.onPeerSetup(setup),
        onClose: () => deps.onClosed(this),
      },
    );
  }

  get subscriptionCount(): number {
    return this.peer.downstream?.subscriptionCount ?? 0;
  }

  start(authorize: SessionScope | AuthorizePeer): void {
    if (typeof authorize !== "function") {
      this.open(authorize);
      return;
    }
    // Raw QUIC has no URL: lite-05 tells the path in SETUP, older versions have none.
    const pathComesLater = this.session.path === "" && this.session.protocol === "moq-lite-05";
    if (pathComesLater) this.authorize = authorize;
    else this.ask(authorize, this.session.path);
  }

  private onPeerSetup(setup: PeerSetup): void {
    this.peerOriginId = setup.originId;
    const { authorize } = this;
    this.authorize = undefined;
    if (authorize !== undefined) this.ask(authorize, setup.path ?? "");
  }

  private ask(authorize: AuthorizePeer, path: string): void {
    authorize(path)
      .then((scope) => {
        if (scope === undefined) this.close(ERROR_CODES.unauthorized, "not allowed");
        else this.open(scope);
      })
      // Also what fails as it opens, such as a token's prefix that no path can have.
      .catch((error: unknown) => {
        this.deps.logger.warn({ err: error }, "a session could not be authorized");
        this.close(ERROR_CODES.unauthorized, "not allowed");
      });
  }

  private open(scope: SessionScope): void {
    if (this.session.closed) return;
    this.root = scope.root;
    const { deps, options, peer, session } = this;
    // First the way up: what a publisher asks for may depend on what he publishes.
    if (options.acceptPublishers && scope.put.length > 0) this.openUpstream(scope);
    peer.serve(
      new DownstreamSession(
        {
          ...options.downstream,
          scope,
          via: peer,
          mayReplaceAnnouncements: () => peer.moq.version === "lite-05",
        },
        {
          store: deps.store,
          counters: deps.downstreamCounters,
          clock: deps.clock,
          logger: deps.logger,
          sendRate: () => session.stats(),
        },
      ),
    );
  }

  private openUpstream(scope: SessionScope): void {
    const { deps, peer, session } = this;
    const store = deps.onPublisherSession?.({
      session,
      scope,
      close: (code, reason) => this.close(code, reason),
    });
    peer.upstream = new UpstreamSession(
      {
        root: scope.root,
        prefixes: scope.put,
        originId: this.options.originId,
        via: peer,
        publisher: true,
      },
      {
        moq: peer.moq,
        store: store ?? deps.store,
        counters: deps.upstreamCounters,
        clock: deps.clock,
        logger: deps.logger,
      },
    );
    peer.upstream.start();
  }

  /** True once it has been asked to go elsewhere. */
  get isSentAway(): boolean {
    return this.sentAway;
  }

  /** Asks the peer to go on at `uri` ("" = elsewhere). Only the first time, as the protocol has it. */
  goaway(uri: string): void {
    if (this.sentAway) return;
    this.sentAway = true;
    this.peer.moq.goaway(withRoot(uri, this.root));
  }

  /** Some times a second; `second` is true once a second. */
  tick(nowMs: number, second: boolean): void {
    const { downstream, upstream } = this.peer;
    downstream?.tick(nowMs);
    if (!second) return;
    this.peer.moq.onTick(nowMs);
    downstream?.answerProbes();
    // Groups were given up by now: what is left are answers that the peer does not read.
    if (this.session.stats().bufferedBytes > 2 * this.options.downstream.maxBufferedBytes) {
      this.close(ERROR_CODES.boundsExceeded, "too much waits to be sent");
      return;
    }
    if (downstream === undefined || downstream.active || upstream?.active === true) return;
    if (nowMs - this.openedAtMs < this.options.downstream.silentSessionMs) return;
    this.deps.downstreamCounters.sessionsSilent += 1;
    this.close(ERROR_CODES.timeout, "nothing was asked for");
  }

  /** On purpose: what came from it ends at once. Idempotent. */
  close(code: ErrorCode, reason: string): void {
    this.peer.close(code, reason, { linger: false });
  }
}

/** GOAWAY names a whole session URL: without a path of its own it is the same path at another node. */
function withRoot(uri: string, root: string): string {
  if (root === "" || !URL.canParse(uri)) return uri;
  const url = new URL(uri);
  if (url.pathname !== "/" || url.search !== "") return uri;
  url.pathname = root;
  return url.href;
}
