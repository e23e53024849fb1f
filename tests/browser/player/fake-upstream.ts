import type { Catalog } from "@canopy/media/catalog";
import { insertSei } from "@canopy/media/h264";
import { encodeTimedMessage, encodeTimedSei, type TimedMessage } from "@canopy/media/timed";
import type { PlayerError, Upstream, UpstreamFactory, UpstreamSink } from "@canopy/player";
import type { ClipFrames } from "./clip-frames.ts";
import { LiveClip, type LiveFrame } from "./live-clip.ts";

/** A live publisher and its edge inside the page, which the test can disturb. */
export class FakeEdge {
  #live: LiveClip;
  /** Which kinds of tracks the catalog names and the edge sends. */
  kinds: readonly ("video" | "audio")[] = ["video", "audio"];
  readonly #sinks = new Set<UpstreamSink>();
  #cached: Record<"video" | "audio", LiveFrame[]> = { video: [], audio: [] };
  #sequence: Record<"video" | "audio", number> = { video: 1000, audio: 1000 };
  #messages: TimedMessage[] = [];
  readonly #line: Record<"video" | "audio", { dueMs: number; action: () => void }[]> = {
    video: [],
    audio: [],
  };
  /** Frames are held back by this much, ms; a function is asked per frame. */
  delayMs: (frame: LiveFrame) => number = () => 0;
  /** True: the group with this sequence never comes. */
  isLost: (kind: "video" | "audio", sequence: number) => boolean = () => false;
  /** True: nothing is sent. */
  isDown = false;
  /** Numbers of the pictures by their media time. */
  readonly numbers = new Map<number, number>();
  readonly timer: ReturnType<typeof setInterval>;

  constructor(clip: ClipFrames) {
    // The clip has been running for a while when the viewer comes.
    this.#live = new LiveClip(clip, nowUs() - 1_300_000);
    this.timer = setInterval(() => this.#pump(), 5);
    this.#pump();
  }

  get factory(): UpstreamFactory {
    return {
      transport: "webtransport",
      unsupportedReason: () => undefined,
      open: (_request, sink) => this.#open(sink),
    };
  }

  /** Puts a message into the picture of its time and the two after it, or onto the track. */
  sendTimed(message: TimedMessage, way: "sei" | "track" | "both"): void {
    if (way !== "track") this.#messages.push(message);
    if (way !== "sei") for (const sink of this.#sinks) sink.onTimed(message, "track");
  }

  get catalog(): Catalog {
    const { video, audio, ...rest } = this.#live.catalog;
    return {
      ...rest,
      ...(this.kinds.includes("video") && video !== undefined ? { video } : {}),
      ...(this.kinds.includes("audio") && audio !== undefined ? { audio } : {}),
    };
  }

  /** The publisher goes on with another clip at once, as after a change of its settings. */
  change(clip: ClipFrames, kinds: readonly ("video" | "audio")[] = this.kinds): void {
    this.kinds = kinds;
    this.#live = new LiveClip(clip, nowUs());
    for (const kind of ["video", "audio"] as const) {
      for (const sink of this.#sinks) sink.onGroupEnd(kind, kind, this.#sequence[kind], false);
      this.#sequence[kind] += 1;
      this.#cached[kind] = [];
    }
    for (const sink of this.#sinks) sink.onCatalog(this.catalog);
  }

  /** All sessions break. */
  dropSessions(error: PlayerError): void {
    for (const sink of this.#sinks) sink.onClosed(error);
  }

  endBroadcast(): void {
    this.isDown = true;
    for (const sink of this.#sinks) sink.onEnded();
  }

  startAgain(): void {
    this.isDown = false;
    for (const sink of this.#sinks) {
      sink.onAnnounced();
      sink.onCatalog(this.catalog);
    }
  }

  #open(sink: UpstreamSink): Upstream {
    queueMicrotask(() => {
      this.#sinks.add(sink);
      sink.onConnected("http://edge.test/");
      sink.onAnnounced();
      sink.onCatalog(this.catalog);
    });
    let selected = false;
    return {
      transport: "webtransport",
      select: () => {
        if (selected) return;
        selected = true;
        queueMicrotask(() => {
          for (const kind of ["video", "audio"] as const) {
            for (const frame of this.#cached[kind]) this.#deliver(sink, frame, this.#sequence[kind]);
          }
        });
      },
      stats: () => ({ rttMs: 1, receivedBytes: 0, lostPackets: 0, lostGroups: 0 }),
      close: () => this.#sinks.delete(sink),
    };
  }

  #pump(): void {
    for (const frame of this.#live.take(nowUs())) {
      const { kind } = frame;
      if (!this.kinds.includes(kind)) continue;
      const delayMs = this.delayMs(frame);
      if (frame.isKey && (kind === "video" || this.#cached.audio.length >= 24)) {
        const ended = this.#sequence[kind];
        this.#later(kind, delayMs, () => {
          for (const sink of this.#sinks) sink.onGroupEnd(kind, kind, ended, false);
        });
        this.#sequence[kind] += 1;
        this.#cached[kind] = [];
      }
      const marked = kind === "video" ? this.#mark(frame) : frame;
      if (kind === "video") this.numbers.set(frame.timestampUs, frame.number);
      this.#cached[kind].push(marked);
      if (this.isDown) continue;
      const sequence = this.#sequence[kind];
      this.#later(kind, delayMs, () => {
        for (const sink of this.#sinks) this.#deliver(sink, marked, sequence);
      });
    }
    this.#runLine("video");
    this.#runLine("audio");
  }

  /** Runs `action` when it is due, but never before what was put in line earlier. */
  #later(kind: "video" | "audio", delayMs: number, action: () => void): void {
    this.#line[kind].push({ dueMs: performance.now() + delayMs, action });
  }

  #runLine(kind: "video" | "audio"): void {
    const line = this.#line[kind];
    while ((line[0]?.dueMs ?? Number.POSITIVE_INFINITY) <= performance.now()) line.shift()?.action();
  }

  #deliver(sink: UpstreamSink, frame: LiveFrame, sequence: number): void {
    if (this.isLost(frame.kind, sequence)) return;
    const { timestampUs, payload, isKey } = frame;
    sink.onFrame(frame.kind, frame.kind, sequence, { timestampUs, payload, isKey });
  }

  #mark(frame: LiveFrame): LiveFrame {
    const due = this.#messages.filter((message) => message.at <= frame.timestampUs);
    if (due.length === 0) return frame;
    this.#messages = this.#messages.filter((message) => message.at > frame.timestampUs - 100_000);
    const nals = due.map((message) => encodeTimedSei(encodeTimedMessage(message)));
    return { ...frame, payload: insertSei(frame.payload, nals) };
  }
}

export function nowUs(): number {
  return (performance.timeOrigin + performance.now()) * 1000;
}
