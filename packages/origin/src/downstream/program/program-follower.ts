import { MediaError } from "@canopy/media";
import { parseCatalog } from "@canopy/media/catalog";
import { decodeLegacyFrame } from "@canopy/media/container";
import { decodeTimedMessage, type TimedMessage } from "@canopy/media/timed";
import { framePayload, type SubscribeOptions, type WireFrame } from "@canopy/protocol";
import { type Broadcast, RelayError, type Store, type TrackReader, type TrackReading } from "@canopy/relay";
import type { Logger } from "@canopy/runtime";
import { chooseProgram, type Program } from "./choose-program.ts";

export interface ProgramFollowerOptions {
  readonly path: string;
  /** How long the rest of a group is waited for once a newer one is there, ms. */
  readonly maxLatencyMs: number;
}

/** Whoever takes the broadcast out of Canopy. Frames come in decoding order per kind; their bytes are shared. */
export interface ProgramTaker {
  /** The broadcast is there, or described anew; undefined: it has ended, and may come back. */
  onProgram(program: Program | undefined): void;
  onVideo(timestampUs: number, annexB: Uint8Array, isKeyframe: boolean): void;
  onAudio(timestampUs: number, payload: Uint8Array): void;
  onTimed?(message: TimedMessage): void;
}

export interface ProgramFollowerDeps {
  readonly store: Store;
  readonly logger: Logger;
  readonly taker: ProgramTaker;
}

const CATALOG_TRACK = "catalog.json";
/** As players subscribe: what is small and urgent first, sound before pictures. */
const PRIORITY = { catalog: 100, timed: 90, audio: 80, video: 60 } as const;
/** Messages and catalogs are kept for this long beside a newer one: none may be lost to the next. */
const DOCUMENT_LATENCY_MS = 10_000;
const CATALOG_DEMAND: Demand = { priority: PRIORITY.catalog, maxLatencyMs: DOCUMENT_LATENCY_MS };

type Demand = Partial<SubscribeOptions>;

/**
 * Follows one path of the store, through publishers that restart: its catalog always, its media while it is asked to.
 * Media begins at the newest group, so at a keyframe that is here already.
 */
export class ProgramFollower implements Disposable {
  readonly #options: ProgramFollowerOptions;
  readonly #deps: ProgramFollowerDeps;
  readonly #unwatch: () => void;
  #broadcast: Broadcast | undefined;
  #program: Program | undefined;
  #catalog: TrackReading | undefined;
  #playing = false;
  readonly #video = new BoundTrack();
  readonly #audio = new BoundTrack();
  readonly #timed = new BoundTrack();

  constructor(options: ProgramFollowerOptions, deps: ProgramFollowerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#unwatch = deps.store.watch(options.path, {
      onActive: (broadcast) => this.#onActive(broadcast),
      onEnded: (broadcast) => this.#onEnded(broadcast),
    });
  }

  get program(): Program | undefined {
    return this.#program;
  }

  /** Takes media from now on. */
  play(): void {
    this.#playing = true;
    this.#bind();
  }

  /** Takes none any more; `play` begins at the newest group again. */
  pause(): void {
    this.#playing = false;
    this.#unbind();
  }

  /** Tracks that were closed by their source are asked for again; called about once a second. */
  tick(): void {
    if (this.#broadcast === undefined) return;
    if (this.#catalog === undefined) this.#followCatalog(this.#broadcast);
    this.#bind();
  }

  /** Idempotent. */
  close(): void {
    this.#unwatch();
    this.pause();
    this.#catalog?.close();
    this.#catalog = undefined;
    this.#broadcast = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #onActive(broadcast: Broadcast): void {
    if (broadcast.path !== this.#options.path) return;
    this.#broadcast = broadcast;
    this.#followCatalog(broadcast);
  }

  #onEnded(broadcast: Broadcast): void {
    if (broadcast !== this.#broadcast) return;
    this.#catalog?.close();
    this.#catalog = undefined;
    this.#broadcast = undefined;
    this.#unbind();
    this.#program = undefined;
    this.#deps.taker.onProgram(undefined);
  }

  #followCatalog(broadcast: Broadcast): void {
    this.#catalog?.close();
    this.#catalog = this.#subscribe(broadcast, CATALOG_TRACK, CATALOG_DEMAND, {
      onFrame: (frame) => this.#onCatalog(framePayload(frame)),
      onClosed: () => {
        this.#catalog = undefined;
      },
    });
  }

  #onCatalog(bytes: Uint8Array): void {
    let program: Program;
    try {
      program = chooseProgram(parseCatalog(bytes));
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#deps.logger.warn({ err: error, broadcast: this.#options.path }, "a catalog could not be read");
      return;
    }
    this.#program = program;
    this.#deps.taker.onProgram(program);
    this.#bind();
  }

  #bind(): void {
    const broadcast = this.#broadcast;
    const program = this.#program;
    if (!this.#playing || broadcast === undefined || program === undefined) return;
    const { taker } = this.#deps;
    const { maxLatencyMs } = this.#options;
    const audioStart = soundFromKeyframe(broadcast, program);
    this.#bindTrack(
      this.#audio,
      program.audio?.track,
      { priority: PRIORITY.audio, maxLatencyMs, startGroup: audioStart },
      (frame) => {
        const media = readFrame(frame);
        if (media !== undefined) taker.onAudio(media.timestampUs, media.payload);
      },
    );
    this.#bindTrack(
      this.#video,
      program.video?.track,
      { priority: PRIORITY.video, maxLatencyMs },
      (frame, isFirst) => {
        const media = readFrame(frame);
        if (media !== undefined) taker.onVideo(media.timestampUs, media.payload, isFirst);
      },
    );
    if (taker.onTimed === undefined) return;
    this.#bindTrack(
      this.#timed,
      program.timedTrack,
      { priority: PRIORITY.timed, maxLatencyMs: DOCUMENT_LATENCY_MS },
      (frame) => {
        const message = readMessage(frame);
        if (message !== undefined) taker.onTimed?.(message);
      },
    );
  }

  #bindTrack(
    bound: BoundTrack,
    name: string | undefined,
    demand: Demand,
    onFrame: (frame: WireFrame, isFirst: boolean) => void,
  ): void {
    if (bound.name === name && bound.reading !== undefined) return;
    bound.release();
    if (name === undefined || this.#broadcast === undefined) return;
    bound.name = name;
    let isFirst = false;
    bound.reading = this.#subscribe(this.#broadcast, name, demand, {
      onGroup: () => {
        isFirst = true;
      },
      onFrame: (frame) => {
        onFrame(frame, isFirst);
        isFirst = false;
      },
      onClosed: () => {
        bound.reading = undefined;
      },
    });
  }

  #subscribe(
    broadcast: Broadcast,
    name: string,
    demand: Demand,
    reader: TrackReader,
  ): TrackReading | undefined {
    try {
      return broadcast.request(name)?.subscribe(reader, demand);
    } catch (error) {
      // The broadcast has ended in this turn, or is at its limit of tracks: `tick` tries again.
      if (!(error instanceof RelayError)) throw error;
      return undefined;
    }
  }

  #unbind(): void {
    this.#video.release();
    this.#audio.release();
    this.#timed.release();
  }
}

class BoundTrack {
  name: string | undefined;
  reading: TrackReading | undefined;

  release(): void {
    this.reading?.close();
    this.reading = undefined;
    this.name = undefined;
  }
}

/**
 * The group of sound that belongs to the keyframe with which the pictures begin, or the first one after it; undefined:
 * the newest. Groups of sound are shorter, so that without it the first pictures would be silent.
 */
function soundFromKeyframe(broadcast: Broadcast, program: Program): number | undefined {
  if (program.video === undefined || program.audio === undefined) return undefined;
  const keyframeUs = broadcast.track(program.video.track)?.latest?.frames[0]?.timestamp;
  const groups = broadcast.track(program.audio.track)?.groups;
  if (keyframeUs === undefined || groups === undefined) return undefined;
  for (let index = groups.length - 1; index >= 0; index -= 1) {
    const group = groups[index];
    const startUs = group?.frames[0]?.timestamp;
    if (group !== undefined && startUs !== undefined && startUs <= keyframeUs) return group.sequence;
  }
  // A broadcast that has just begun with a picture.
  return groups[0]?.sequence;
}

/** Undefined for a frame without data (a marker), and for one that a foreign publisher has broken. */
function readFrame(
  frame: WireFrame,
): { readonly timestampUs: number; readonly payload: Uint8Array } | undefined {
  try {
    const media = decodeLegacyFrame(framePayload(frame));
    return media.payload.byteLength === 0 ? undefined : media;
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return undefined;
  }
}

function readMessage(frame: WireFrame): TimedMessage | undefined {
  try {
    return decodeTimedMessage(framePayload(frame));
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return undefined;
  }
}
