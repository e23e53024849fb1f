import { PlayerError } from "../../player-error.ts";
import type { HlsEngine, HlsEngineDeps } from "./hls-engine.ts";
import {
  readAttribute,
  readId3Messages,
  readMessage,
  TIMED_ATTRIBUTE,
  TIMED_CLASS,
} from "./read-hls-message.ts";

/** What WebKit keeps from the live edge where the playlist asks for a second. */
const HOLD_BACK_S = 1.2;

/** Dates are rounded to ms, here and in the playlist. */
const DATED_US = 2_000;

/** WebKit's way to say at which date the element's timeline begins (EXT-X-PROGRAM-DATE-TIME). */
type DatedElement = HTMLVideoElement & { readonly getStartDate?: () => Date };

/** A cue of a metadata track: one ID3 frame or one attribute of a date range (WebKit's DataCue). */
interface DataCue {
  readonly value?: { readonly key?: unknown; readonly data?: unknown; readonly info?: unknown };
}

/** The browser's own HLS, as in Safari: it plays better there than any script, and is all that iPhones have. */
export class NativeEngine implements HlsEngine {
  readonly #url: string;
  readonly #deps: HlsEngineDeps;
  readonly #abort = new AbortController();
  #element: DatedElement | undefined;

  readonly holdBackS = HOLD_BACK_S;
  readonly toleranceUs = DATED_US;
  /** The browser keeps it to itself. */
  readonly receivedBytes = 0;
  readonly videoCodec = undefined;
  readonly audioCodec = undefined;

  constructor(options: { readonly url: string }, deps: HlsEngineDeps) {
    this.#url = options.url;
    this.#deps = deps;
  }

  mediaUs(seconds: number): number | undefined {
    const startMs = this.#element?.getStartDate?.().getTime() ?? Number.NaN;
    return Number.isFinite(startMs) ? Math.round(startMs * 1_000 + seconds * 1e6) : undefined;
  }

  behindEdgeS(seconds: number): number | undefined {
    const seekable = this.#element?.seekable;
    return seekable === undefined || seekable.length === 0
      ? undefined
      : Math.max(0, seekable.end(seekable.length - 1) - seconds);
  }

  attach(element: HTMLVideoElement): void {
    this.#element = element;
    const { signal } = this.#abort;
    element.textTracks.addEventListener("addtrack", ({ track }) => track !== null && this.#read(track), {
      signal,
    });
    for (const track of element.textTracks) this.#read(track);
    element.addEventListener("error", () => this.#onError(element.error), { signal });
    element.addEventListener(
      "ended",
      () => this.#deps.onLost(new PlayerError("unreachable", "HLS: the playlist has ended")),
      { signal },
    );
    element.src = this.#url;
  }

  isAttached(element: HTMLVideoElement): boolean {
    return this.#element === element && element.getAttribute("src") === this.#url;
  }

  detach(element: HTMLVideoElement): void {
    element.removeAttribute("src");
    // Only so is the connection given up.
    element.load();
  }

  close(): void {
    this.#abort.abort();
    this.#element = undefined;
  }

  #read(track: TextTrack): void {
    if (track.kind !== "metadata") return;
    track.mode = "hidden";
    const read = (): void => {
      for (const cue of track.cues ?? []) this.#readCue(cue as DataCue);
    };
    // Cues are added without an event where they lie ahead; those that begin are there at the latest.
    track.addEventListener("cuechange", read, { signal: this.#abort.signal });
    read();
  }

  /** Messages come again with every look; the player tells copies apart by their ids. */
  #readCue({ value }: DataCue): void {
    const message = messageOf(value?.key, value?.data, value?.info);
    if (message !== undefined) this.#deps.onMessage(message);
    else if (value?.data instanceof ArrayBuffer) {
      for (const tagged of readId3Messages(new Uint8Array(value.data))) this.#deps.onMessage(tagged);
    }
  }

  #onError(error: MediaError | null): void {
    const text = `HLS: ${error?.message ?? "the browser gives no reason"}`;
    if (error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED) {
      this.#deps.onFailed(new PlayerError("codec", text));
    } else {
      const code = error?.code === MediaError.MEDIA_ERR_DECODE ? "decode" : "unreachable";
      this.#deps.onLost(new PlayerError(code, text));
    }
  }
}

function messageOf(key: unknown, data: unknown, info: unknown) {
  if (typeof data !== "string") return undefined;
  if (key === TIMED_ATTRIBUTE) return readAttribute(data);
  return key === "TXXX" && info === TIMED_CLASS ? readMessage(new TextEncoder().encode(data)) : undefined;
}
