import type { TrackSource } from "../packaging/track-source.ts";
import type { AudioSegmenter } from "./audio-segmenter.ts";
import { type CompressedHead, compressHead, gzipPlaylist } from "./gzip-playlist.ts";
import { type RenditionReport, writePlaylist, writeReports } from "./media-playlist.ts";
import type { PendingRequests } from "./pending-requests.ts";
import type { SegmentWindow } from "./segment-window.ts";
import type { TimedEvents } from "./timed-events.ts";
import type { VideoSegmenter } from "./video-segmenter.ts";

/** The bytes of a playlist, plain or as one gzip member. */
export interface PlaylistBody {
  readonly bytes: Buffer;
  readonly isGzipped: boolean;
}

interface WrittenHead {
  readonly text: string;
  compressed: CompressedHead | undefined;
}

/** Tokens of viewers differ: playlists of this many are kept until the next part. */
const MAX_HEADS = 64;

export interface HlsRenditionParts {
  /** Part of its URLs. */
  readonly id: string;
  readonly kind: "video" | "audio";
  readonly segmenter: VideoSegmenter | AudioSegmenter;
  readonly source: TrackSource;
  readonly pending: PendingRequests;
  readonly events: TimedEvents;
}

/** One rendition that somebody asks for: its segmenter, and its playlist as text. */
export class HlsRendition {
  readonly id: string;
  readonly kind: "video" | "audio";
  readonly segmenter: VideoSegmenter | AudioSegmenter;
  readonly source: TrackSource;
  readonly pending: PendingRequests;
  lastAskedMs = 0;
  /** Players have had its playlist. */
  isListed = false;
  readonly #events: TimedEvents;
  readonly #heads = new Map<string, WrittenHead>();
  #headsVersion = "";

  constructor(parts: HlsRenditionParts) {
    this.id = parts.id;
    this.kind = parts.kind;
    this.segmenter = parts.segmenter;
    this.source = parts.source;
    this.pending = parts.pending;
    this.#events = parts.events;
  }

  get window(): SegmentWindow | undefined {
    return this.segmenter.window;
  }

  playlist(
    window: SegmentWindow,
    reports: readonly RenditionReport[],
    options: {
      readonly files: string;
      readonly playlists: string;
      readonly skips: boolean;
      readonly gzip: boolean;
    },
  ): PlaylistBody {
    const head = this.#head(window, options);
    const tail = Buffer.from(writeReports(reports, options.playlists));
    if (!options.gzip) return { bytes: Buffer.concat([Buffer.from(head.text), tail]), isGzipped: false };
    head.compressed ??= compressHead(Buffer.from(head.text));
    return { bytes: gzipPlaylist(head.compressed, tail), isGzipped: true };
  }

  /** Idempotent. */
  close(): void {
    this.source.close();
    this.window?.close();
    this.pending.close();
    this.#heads.clear();
  }

  #head(window: SegmentWindow, options: { readonly files: string; readonly skips: boolean }): WrittenHead {
    const version = `${window.version}/${this.#events.version}`;
    if (version !== this.#headsVersion) {
      this.#headsVersion = version;
      this.#heads.clear();
    }
    const key = `${options.skips ? "skip" : "full"} ${options.files}`;
    let head = this.#heads.get(key);
    if (head === undefined) {
      head = { text: writePlaylist(window, this.#events.listed, options), compressed: undefined };
      if (this.#heads.size < MAX_HEADS) this.#heads.set(key, head);
    }
    return head;
  }
}
