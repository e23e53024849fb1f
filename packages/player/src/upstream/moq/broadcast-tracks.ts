import { type Catalog, parseCatalog } from "@canopy/media/catalog";
import { ERROR_CODES, type MoqSession } from "@canopy/protocol";
import { PlayerError } from "../../player-error.ts";
import { readTrackMessage } from "../../timed/read-track-message.ts";
import type { TrackKind, TrackSelection, UpstreamSink } from "../upstream.ts";
import { DocumentTrack } from "./document-track.ts";
import { EarlyTrack } from "./early-track.ts";
import { MediaTrack, type MediaTrackSink } from "./media-track.ts";

/** hang's name of the catalog track. */
const CATALOG_TRACK = "catalog.json";

/** What origins call the tracks of a broadcast with one rendition of each kind. */
const USUAL_TRACK: Readonly<Record<TrackKind, string>> = { video: "video", audio: "audio" };

/** How soon a track that the catalog names is asked for again after it ended or was refused; then twice as long. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 4_000;

/** What is sent first when the path is full: without catalog nothing starts, and sound matters more than picture. */
const PRIORITY = { catalog: 100, timed: 90, audio: 80, video: 60 } as const;

export interface BroadcastTracksDeps {
  readonly session: MoqSession;
  readonly sink: UpstreamSink;
  readonly onLoss: () => void;
  /** The catalog track ended: the publisher is gone, or was not there yet. */
  readonly onGone: (code: number | undefined) => void;
  /** The broadcast cannot be played as it is. */
  readonly onFailed: (error: PlayerError) => void;
}

/** The subscriptions of one incarnation of a broadcast. */
export class BroadcastTracks {
  readonly #broadcast: string;
  readonly #deps: BroadcastTracksDeps;
  readonly #catalogTrack: DocumentTrack;
  #catalogSequence = -1;
  #catalog: Catalog | undefined;
  #timed: DocumentTrack | undefined;
  readonly #media: Record<TrackKind, MediaTrack | undefined> = { video: undefined, audio: undefined };
  /** A replaced track goes on until the new one delivers. */
  readonly #leaving: Record<TrackKind, MediaTrack | undefined> = { video: undefined, audio: undefined };
  /** Tracks that were subscribed before the catalog named them. */
  readonly #early: Record<TrackKind, { readonly track: MediaTrack; readonly held: EarlyTrack } | undefined> =
    {
      video: undefined,
      audio: undefined,
    };
  /** Tracks that are to be asked for again. */
  readonly #retries: Record<TrackKind, ReturnType<typeof setTimeout> | undefined> = {
    video: undefined,
    audio: undefined,
  };
  readonly #retryMs: Record<TrackKind, number> = { video: FIRST_RETRY_MS, audio: FIRST_RETRY_MS };
  #closed = false;

  /** `isEager`: asks for the usual tracks beside the catalog, which saves a round trip where they exist. */
  constructor(broadcast: string, isEager: boolean, deps: BroadcastTracksDeps) {
    this.#broadcast = broadcast;
    this.#deps = deps;
    this.#catalogTrack = new DocumentTrack(
      { broadcast, track: CATALOG_TRACK, priority: PRIORITY.catalog },
      {
        session: deps.session,
        onDocument: (payload, sequence, index) => this.#onCatalog(payload, sequence, index),
        onClosed: (code) => deps.onGone(code),
      },
    );
    if (isEager) {
      this.#subscribeEarly("video");
      this.#subscribeEarly("audio");
    }
  }

  /** True once a catalog has come. */
  get hasCatalog(): boolean {
    return this.#catalog !== undefined;
  }

  select(selection: TrackSelection): void {
    this.#selectKind("video", selection.video);
    this.#selectKind("audio", selection.audio);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const kind of ["video", "audio"] as const) {
      clearTimeout(this.#retries[kind]);
      this.#media[kind]?.close();
      this.#leaving[kind]?.close();
      this.#early[kind]?.track.close();
    }
    this.#timed?.close();
    this.#catalogTrack.close();
  }

  #onCatalog(payload: Uint8Array, sequence: number, index: number): void {
    // Documents of older groups can arrive late; only whole documents (the first of a group) are read.
    if (sequence < this.#catalogSequence || index > 0) return;
    this.#catalogSequence = sequence;
    let catalog: Catalog;
    try {
      catalog = parseCatalog(payload);
    } catch (cause) {
      this.#deps.onFailed(new PlayerError("protocol", "the catalog cannot be read", cause));
      return;
    }
    this.#catalog = catalog;
    this.#subscribeTimed(catalog.canopy?.timed?.track);
    this.#deps.sink.onCatalog(catalog);
  }

  #subscribeTimed(track: string | undefined): void {
    const { sink } = this.#deps;
    if (this.#timed !== undefined || this.#closed) return;
    if (track === undefined) {
      sink.onTimedReady();
      return;
    }
    const timed = new DocumentTrack(
      { broadcast: this.#broadcast, track, priority: PRIORITY.timed },
      {
        session: this.#deps.session,
        onDocument: (payload, sequence) => {
          try {
            sink.onTimed(readTrackMessage(payload), "track", sequence);
          } catch {
            // One broken message is passed over; the next ones are as good as ever.
          }
        },
        onReady: () => sink.onTimedReady(),
        onClosed: () => {
          if (this.#timed === timed) this.#timed = undefined;
          sink.onTimedReady();
        },
      },
    );
    this.#timed = timed;
  }

  #subscribeEarly(kind: TrackKind): void {
    const held = new EarlyTrack(this.#mediaSink(kind));
    const track = this.#open(kind, USUAL_TRACK[kind], held.sink, () => {
      // There is none of this name; the catalog will tell which there are.
      if (this.#early[kind]?.track === track) this.#early[kind] = undefined;
    });
    this.#early[kind] = { track, held };
  }

  #selectKind(kind: TrackKind, name: string | undefined): void {
    clearTimeout(this.#retries[kind]);
    const early = this.#early[kind];
    this.#early[kind] = undefined;
    if (early !== undefined && !this.#closed && early.track.name === name && !early.held.isOverfull) {
      this.#media[kind] = early.track;
      early.held.release();
      return;
    }
    early?.track.close();
    if (this.#closed || this.#media[kind]?.name === name) return;
    this.#leaving[kind]?.close();
    this.#leaving[kind] = this.#media[kind];
    if (name === undefined) {
      this.#dropLeaving(kind);
      this.#media[kind] = undefined;
      return;
    }
    this.#media[kind] = this.#open(kind, name, this.#mediaSink(kind), () => {});
  }

  #mediaSink(kind: TrackKind): MediaTrackSink {
    const { sink } = this.#deps;
    return {
      onGroupOpen: (...args) => sink.onGroupOpen(...args),
      onGroupEnd: (...args) => sink.onGroupEnd(...args),
      onFrame: (...args) => {
        this.#dropLeaving(kind);
        this.#retryMs[kind] = FIRST_RETRY_MS;
        sink.onFrame(...args);
      },
    };
  }

  #open(kind: TrackKind, name: string, sink: MediaTrackSink, onClosed: () => void): MediaTrack {
    const { session, onLoss } = this.#deps;
    const track: MediaTrack = new MediaTrack(
      { kind, broadcast: this.#broadcast, track: name, priority: PRIORITY[kind] },
      {
        session,
        sink,
        onLoss,
        onClosed: (code) => {
          onClosed();
          this.#onMediaClosed(kind, track, code);
        },
      },
    );
    return track;
  }

  #dropLeaving(kind: TrackKind): void {
    this.#leaving[kind]?.close();
    this.#leaving[kind] = undefined;
  }

  #onMediaClosed(kind: TrackKind, track: MediaTrack, code: number | undefined): void {
    if (this.#media[kind] !== track) return;
    this.#media[kind] = undefined;
    if (code === ERROR_CODES.unauthorized) {
      this.#deps.onFailed(new PlayerError("unauthorized", `track ${track.name} is not allowed`));
      return;
    }
    // A publisher that starts its encoder anew ends the track, and need not change its catalog for that.
    this.#retries[kind] = setTimeout(() => {
      if (this.#closed || this.#media[kind] !== undefined) return;
      this.#media[kind] = this.#open(kind, track.name, this.#mediaSink(kind), () => {});
    }, this.#retryMs[kind]);
    this.#retryMs[kind] = Math.min(MAX_RETRY_MS, this.#retryMs[kind] * 2);
  }
}
