import type Hls from "hls.js";
import { PlayerError } from "../../player-error.ts";
import { readRefusal, refusalError } from "../../webrtc/http-resource.ts";
import { isWebKit } from "../choose-transports.ts";
import { type EndpointAddress, resolveEndpoint } from "../endpoint-url.ts";
import type {
  Upstream,
  UpstreamDeps,
  UpstreamFactory,
  UpstreamRequest,
  UpstreamSink,
  UpstreamStats,
} from "../upstream.ts";
import type { HlsEngine, HlsEngineDeps } from "./hls-engine.ts";
import { HlsJsEngine } from "./hls-js-engine.ts";
import { HlsSession } from "./hls-session.ts";
import { NativeEngine } from "./native-engine.ts";

/** The edge makes the first playlist when the first part is there. */
const PLAYLIST_TIMEOUT_MS = 5_000;

/** hls.js has some hundred kilobytes. */
const SCRIPT_TIMEOUT_MS = 10_000;

/** How often the edge is asked for a broadcast that is not live, and up to which pause. */
const FIRST_OFFLINE_MS = 1_000;
const MAX_OFFLINE_MS = 4_000;

/** Sessions in a row that showed nothing before they ended: then it is not the playlists. */
const MAX_EMPTY_SESSIONS = 2;

const NOT_FOUND = 404;
const MPEGURL = "application/vnd.apple.mpegurl";

/** LL-HLS by hls.js, or by the browser itself where that is WebKit: what gets through everything. */
export const hlsUpstream: UpstreamFactory = {
  transport: "hls",
  inElement: true,
  unsupportedReason: () => {
    if (typeof HTMLVideoElement !== "function") return "there is no page to play in";
    if (!("requestVideoFrameCallback" in HTMLVideoElement.prototype)) {
      return "this browser does not tell which frame it shows";
    }
    if (hasNativeHls()) return undefined;
    if (!("MediaSource" in globalThis) && !("ManagedMediaSource" in globalThis)) {
      return "this browser has no Media Source Extensions";
    }
    return undefined;
  },
  open: (request, sink, deps) => new HlsUpstream(request, sink, deps),
};

/** Others that say they can play HLS know neither parts nor its metadata. */
function hasNativeHls(): boolean {
  return isWebKit(navigator.userAgent) && document.createElement("video").canPlayType(MPEGURL) !== "";
}

type CreateEngine = (deps: HlsEngineDeps) => HlsEngine;

class HlsUpstream implements Upstream {
  readonly transport = "hls";
  readonly #request: UpstreamRequest;
  readonly #sink: UpstreamSink;
  readonly #deps: UpstreamDeps;
  readonly #abort = new AbortController();
  #session: HlsSession | undefined;
  #offlineTimer: ReturnType<typeof setTimeout> | undefined;
  #offlineMs = FIRST_OFFLINE_MS;
  #isConnected = false;
  #isOffline = false;
  #emptySessions = 0;
  #earlierBytes = 0;

  constructor(request: UpstreamRequest, sink: UpstreamSink, deps: UpstreamDeps) {
    this.#request = request;
    this.#sink = sink;
    this.#deps = deps;
    void this.#start();
  }

  /** Which rendition is played is hls.js' or the browser's choice, by what the path carries. */
  select(): void {}

  stats(): UpstreamStats {
    return {
      rttMs: 0,
      receivedBytes: this.#earlierBytes + (this.#session?.receivedBytes ?? 0),
      lostPackets: 0,
      lostGroups: 0,
      element: this.#session?.figures,
    };
  }

  close(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    clearTimeout(this.#offlineTimer);
    this.#session?.close();
  }

  async #start(): Promise<void> {
    const { fetch } = this.#deps;
    const { signal } = this.#abort;
    try {
      const element = this.#request.mediaElement;
      if (element === undefined) {
        throw new PlayerError("unsupported", "HLS needs a media element to present in");
      }
      const address = await resolveEndpoint("hls", this.#request, { fetch, signal });
      const url = playlistUrl(address);
      // The script loads while the edge makes the playlist.
      const script = hasNativeHls() ? undefined : loadHlsJs(signal);
      // Asked for below, after the playlist: a refusal in between is not unhandled.
      script?.catch(() => undefined);
      await this.#awaitBroadcast(url, address);
      const HlsJs = await script;
      const createEngine: CreateEngine = (engineDeps) =>
        HlsJs === undefined
          ? new NativeEngine({ url }, engineDeps)
          : new HlsJsEngine({ url, Hls: HlsJs }, engineDeps);
      this.#open(element, { url, address, createEngine });
    } catch (cause) {
      this.#fail(PlayerError.of(cause, "unreachable", "the edge does not answer"));
    }
  }

  /** Returns as soon as the edge has the broadcast. @throws PlayerError if it says anything but "not now". */
  async #awaitBroadcast(url: string, address: EndpointAddress): Promise<void> {
    const { signal } = this.#abort;
    for (;;) {
      const response = await this.#deps.fetch(url, {
        cache: "no-store",
        signal: AbortSignal.any([signal, AbortSignal.timeout(PLAYLIST_TIMEOUT_MS)]),
      });
      const body = await response.text();
      if (response.ok || response.status === NOT_FOUND) this.#connected(address);
      if (response.ok) break;
      const refusal = readRefusal(response, body);
      if (response.status !== NOT_FOUND) throw refusalError(refusal);
      // It is not live: as on the other transports the player waits for it.
      if (!this.#isOffline) this.#sink.onEnded();
      this.#isOffline = true;
      await this.#pause(refusal.retryAfterMs ?? this.#offlineMs);
      signal.throwIfAborted();
    }
    this.#isOffline = false;
    this.#offlineMs = FIRST_OFFLINE_MS;
    this.#sink.onAnnounced();
  }

  #connected(address: EndpointAddress): void {
    if (this.#isConnected || this.#abort.signal.aborted) return;
    this.#isConnected = true;
    this.#sink.onConnected(address.timeBaseUrl);
  }

  #pause(pauseMs: number): Promise<void> {
    this.#offlineMs = Math.min(MAX_OFFLINE_MS, this.#offlineMs * 1.5);
    const jitteredMs = Math.min(MAX_OFFLINE_MS, pauseMs) * (0.75 + Math.random() / 2);
    return new Promise((resolve) => {
      this.#offlineTimer = setTimeout(resolve, jitteredMs);
      this.#abort.signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #open(
    element: HTMLVideoElement,
    source: { readonly url: string; readonly address: EndpointAddress; readonly createEngine: CreateEngine },
  ): void {
    if (this.#abort.signal.aborted) return;
    const { latencyMs, isSync } = this.#request;
    const session: HlsSession = new HlsSession(
      { element, createEngine: source.createEngine, wishS: latencyMs / 1_000, isSync },
      {
        serverOffsetUs: this.#deps.serverOffsetUs,
        sink: this.#sink,
        onLost: (error) => void this.#reopen(session, error, element, source),
        onFailed: (error) => this.#fail(error),
      },
    );
    this.#session = session;
  }

  /** Playlists that end, or that the edge does not know any more, are asked for again: they may be others by then. */
  async #reopen(
    session: HlsSession,
    error: PlayerError,
    element: HTMLVideoElement,
    source: { readonly url: string; readonly address: EndpointAddress; readonly createEngine: CreateEngine },
  ): Promise<void> {
    this.#earlierBytes += session.receivedBytes;
    this.#session = undefined;
    this.#emptySessions = session.hasPresented ? 0 : this.#emptySessions + 1;
    try {
      if (this.#emptySessions >= MAX_EMPTY_SESSIONS) throw error;
      await this.#awaitBroadcast(source.url, source.address);
      this.#open(element, source);
    } catch (cause) {
      this.#fail(cause instanceof PlayerError ? cause : error);
    }
  }

  #fail(error: PlayerError): void {
    if (this.#abort.signal.aborted) return;
    this.close();
    this.#sink.onClosed(error);
  }
}

/** The token goes into the query: the element and its playlists can send no header. */
function playlistUrl({ endpoint, token }: EndpointAddress): string {
  const url = new URL(`${endpoint}/index.m3u8`);
  if (token !== undefined) url.searchParams.set("jwt", token);
  return url.href;
}

/** Only viewers who play this way load it. @throws PlayerError "unsupported". */
async function loadHlsJs(signal: AbortSignal): Promise<typeof Hls> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(SCRIPT_TIMEOUT_MS)]);
  const late = new Promise<never>((_resolve, reject) => {
    deadline.addEventListener("abort", () => reject(deadline.reason), { once: true });
  });
  let HlsJs: typeof Hls;
  try {
    ({ default: HlsJs } = await Promise.race([import("hls.js"), late]));
  } catch (cause) {
    throw new PlayerError("unsupported", "the script that plays HLS could not be loaded", cause);
  }
  if (!HlsJs.isSupported()) {
    throw new PlayerError("unsupported", "this browser's Media Source Extensions lack what HLS needs");
  }
  return HlsJs;
}
