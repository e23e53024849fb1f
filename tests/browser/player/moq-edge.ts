import { encodeCatalog } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { encodeTimedMessage, type TimedMessage } from "@canopy/media/timed";
import { MoqUpstream, type UpstreamFactory } from "@canopy/player";
import {
  type AnnounceResponder,
  ERROR_CODES,
  encodeFrame,
  forwardEvents,
  MoqSession,
  type OutgoingGroup,
  type SubscribeResponder,
} from "@canopy/protocol";
import type { Session } from "@canopy/transport";
import { createMemoryPair, type MemoryClock, type MemoryPair } from "@canopy/transport/memory";
import type { ClipFrames } from "./clip-frames.ts";
import { nowUs } from "./fake-upstream.ts";
import { LiveClip, type LiveFrame } from "./live-clip.ts";

const INFO = { priority: 60, ordered: false, maxLatencyMs: 2000, timescale: 1_000_000 };
const PUMP_MS = 4;

interface OpenGroup {
  readonly sequence: number;
  readonly frames: LiveFrame[];
}

/** The edge's end of one viewer's session. */
class ViewerSession {
  readonly moq: MoqSession;
  readonly subscriptions = new Map<SubscribeResponder, OutgoingGroup | undefined>();
  readonly announcements = new Set<AnnounceResponder>();

  constructor(session: Session, edge: MoqEdge) {
    this.moq = new MoqSession(
      { wire: session, role: "server", originId: 4711 },
      {
        onReady: () => {},
        onPeerSetup: () => {},
        onAnnounceRequest: (request) => {
          request.start(edge.isLive ? [{ path: edge.path, hops: [] }] : []);
          this.announcements.add(request);
          request.onClosed = () => this.announcements.delete(request);
        },
        onTrackInfoRequest: (request) => request.respond(INFO),
        onSubscribe: (request) => {
          if (!edge.isLive) {
            request.reject(ERROR_CODES.notFound);
            return;
          }
          request.accept(INFO);
          this.subscriptions.set(request, undefined);
          request.handler = {
            onUpdate: () => {},
            onClosed: () => this.subscriptions.delete(request),
            onStreamsAvailable: () => {},
          };
          edge.greet(this, request);
        },
        onFetch: (request) => request.reject(ERROR_CODES.notFound),
        onProbe: () => {},
        onGoaway: () => {},
        onDatagramFrame: () => {},
      },
    );
    session.handler = forwardEvents(this.moq, () => edge.viewers.delete(this));
  }
}

/** A publisher and an edge that speak MoQ to the player over sessions in memory. */
export class MoqEdge {
  readonly path = "live/test";
  readonly live: LiveClip;
  readonly viewers = new Set<ViewerSession>();
  readonly pairs: MemoryPair[] = [];
  isLive = true;
  /** Edges that do not answer. */
  readonly unreachable = new Set<string>();
  /** Dialing fails. */
  isUnreachable = false;
  dials = 0;
  /** Edges that were dialed, in order. */
  readonly dialed: string[] = [];
  #groups: Record<"video" | "audio", OpenGroup> = {
    video: { sequence: 1000, frames: [] },
    audio: { sequence: 1000, frames: [] },
  };
  #catalogSequence = 1;
  #timedSequence = 1;
  #lastTimed: { sequence: number; message: TimedMessage } | undefined;
  #lastMs = performance.now();

  constructor(clip: ClipFrames) {
    this.live = new LiveClip(clip, nowUs() - 1_300_000);
    setInterval(() => this.#pump(), PUMP_MS);
  }

  get factory(): UpstreamFactory {
    return {
      transport: "webtransport",
      unsupportedReason: () => undefined,
      open: (request, sink, deps) =>
        new MoqUpstream(
          {
            transport: "webtransport",
            dial: () => {
              this.dials += 1;
              this.dialed.push(request.src);
              if (this.isUnreachable || this.unreachable.has(request.src))
                return Promise.reject(new Error("unreachable"));
              const pair = createMemoryPair({ delayMs: 3 });
              this.pairs.push(pair);
              this.viewers.add(new ViewerSession(pair.server, this));
              return Promise.resolve({
                session: pair.client,
                timeBaseUrl: "http://edge.test/",
                handshakeMs: 0,
              });
            },
          },
          request,
          sink,
          deps,
        ),
    };
  }

  /** A new subscription gets the newest group from its start. */
  greet(viewer: ViewerSession, request: SubscribeResponder): void {
    const { track } = request;
    if (track === "catalog.json") {
      this.#sendDocument(viewer, request, this.#catalogSequence, 0, encodeCatalog(this.live.catalog));
    } else if (track === "timed") {
      if (this.#lastTimed !== undefined) {
        const { sequence, message } = this.#lastTimed;
        this.#sendDocument(viewer, request, sequence, message.at, encodeTimedMessage(message));
      }
    } else if (track === "video" || track === "small" || track === "audio") {
      const { sequence, frames } = this.#groups[track === "audio" ? "audio" : "video"];
      const group = request.openGroup(sequence, 60);
      viewer.subscriptions.set(request, group);
      let previous = 0;
      for (const frame of frames) {
        group?.writeFrame(wireFrame(frame, previous));
        previous = frame.timestampUs;
      }
    }
  }

  sendTimed(message: TimedMessage): void {
    this.#timedSequence += 1;
    this.#lastTimed = { sequence: this.#timedSequence, message };
    this.#forEach("timed", (viewer, request) => {
      this.#sendDocument(viewer, request, this.#timedSequence, message.at, encodeTimedMessage(message));
    });
  }

  /** The publisher leaves. */
  endBroadcast(): void {
    this.isLive = false;
    for (const viewer of this.viewers) {
      for (const request of [...viewer.subscriptions.keys()]) {
        viewer.subscriptions.get(request)?.finish();
        request.end(undefined);
      }
      viewer.subscriptions.clear();
      for (const request of viewer.announcements) request.ended(this.path);
    }
  }

  /** The publisher comes back; its groups continue far above the old ones. */
  startAgain(): void {
    this.isLive = true;
    this.#catalogSequence += 1000;
    for (const kind of ["video", "audio"] as const) {
      const { sequence, frames } = this.#groups[kind];
      this.#groups[kind] = { sequence: sequence + 1000, frames };
    }
    for (const viewer of this.viewers) {
      for (const request of viewer.announcements) request.active(this.path, []);
    }
  }

  /** Asks all viewers to go to `uri`. */
  drain(uri: string): void {
    for (const viewer of this.viewers) viewer.moq.goaway(uri);
  }

  /** Closes all sessions, as a dying edge does. */
  dropSessions(): void {
    for (const pair of this.pairs) pair.server.close(4, "going down");
  }

  #pump(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    for (const frame of this.live.take(nowUs())) this.#publish(frame);
    for (const viewer of this.viewers) viewer.moq.onTick(nowMs);
    const clocks = new Set<MemoryClock>(this.pairs.map((pair) => pair.clock));
    for (const clock of clocks) clock.advance(elapsedMs);
  }

  #publish(frame: LiveFrame): void {
    const { kind } = frame;
    let group = this.#groups[kind];
    const isNew = frame.isKey && (kind === "video" || group.frames.length >= 24);
    if (isNew) {
      group = { sequence: group.sequence + 1, frames: [] };
      this.#groups[kind] = group;
    }
    const previous = group.frames.at(-1)?.timestampUs ?? 0;
    group.frames.push(frame);
    if (!this.isLive) return;
    const wire = wireFrame(frame, previous);
    this.#forEach(kind, (viewer, request) => {
      if (isNew) {
        viewer.subscriptions.get(request)?.finish();
        viewer.subscriptions.set(request, request.openGroup(group.sequence, 60));
      }
      viewer.subscriptions.get(request)?.writeFrame(wire);
    });
  }

  #forEach(track: string, action: (viewer: ViewerSession, request: SubscribeResponder) => void): void {
    for (const viewer of this.viewers) {
      for (const request of viewer.subscriptions.keys()) {
        // The second rendition is the first one under another name.
        const name = request.track === "small" ? "video" : request.track;
        if (name === track) action(viewer, request);
      }
    }
  }

  #sendDocument(
    viewer: ViewerSession,
    request: SubscribeResponder,
    sequence: number,
    timestampUs: number,
    payload: Uint8Array,
  ): void {
    if (!viewer.subscriptions.has(request)) return;
    const group = request.openGroup(sequence, 100);
    group?.writeFrame(encodeFrame(timestampUs, 0, payload));
    group?.finish();
  }
}

function wireFrame(frame: LiveFrame, previousUs: number): ReturnType<typeof encodeFrame> {
  return encodeFrame(frame.timestampUs, previousUs, encodeLegacyFrame(frame.timestampUs, frame.payload));
}
