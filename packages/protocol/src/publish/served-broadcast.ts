import { ERROR_CODES } from "../error-codes.ts";
import { pathHasPrefix } from "../path.ts";
import type {
  AnnounceResponder,
  MoqSessionHandler,
  SubscribeResponder,
  TrackInfoResponder,
} from "../session-interface.ts";
import type { ServedTrack } from "./served-track.ts";

/** Announces one broadcast and answers requests for its tracks; survives the sessions it is served on. */
export class ServedBroadcast {
  readonly #path: string;
  readonly #tracks: ReadonlyMap<string, ServedTrack>;
  readonly #announced = new Set<AnnounceResponder>();

  constructor(path: string, tracks: Iterable<ServedTrack>) {
    this.#path = path;
    this.#tracks = new Map([...tracks].map((track) => [track.name, track]));
  }

  /** A handler for one session. */
  handler(events: {
    readonly onReady: () => void;
    readonly onGoaway: (uri: string) => void;
  }): MoqSessionHandler {
    return {
      onReady: () => events.onReady(),
      onPeerSetup: () => {},
      onAnnounceRequest: (request) => this.#announce(request),
      onTrackInfoRequest: (request) => this.#describe(request),
      onSubscribe: (request) => this.#subscribe(request),
      onFetch: (request) => request.reject(ERROR_CODES.notFound),
      onProbe: (request) => request.report(0, 0),
      onGoaway: (uri) => events.onGoaway(uri),
      onDatagramFrame: () => {},
    };
  }

  /** Tells every peer that the broadcast is over. `onHeard`: all have read it or are gone; where there is none, at once. */
  end(onHeard: () => void = () => {}): void {
    for (const track of this.#tracks.values()) track.end();
    const unheard = new Set(this.#announced);
    this.#announced.clear();
    for (const request of unheard) {
      request.onClosed = () => {
        unheard.delete(request);
        if (unheard.size === 0) onHeard();
      };
      request.ended(this.#path);
      request.finish();
    }
    if (unheard.size === 0) onHeard();
  }

  #announce(request: AnnounceResponder): void {
    if (!pathHasPrefix(this.#path, request.prefix)) {
      request.start([]);
      return;
    }
    this.#announced.add(request);
    request.onClosed = () => this.#announced.delete(request);
    request.start([{ path: this.#path, hops: [] }]);
  }

  #describe(request: TrackInfoResponder): void {
    const track = this.#find(request);
    if (track) request.respond(track.info);
    else request.reject(ERROR_CODES.notFound);
  }

  #subscribe(request: SubscribeResponder): void {
    const track = this.#find(request);
    if (track) track.subscribe(request);
    else request.reject(ERROR_CODES.notFound);
  }

  #find(request: { readonly broadcast: string; readonly track: string }): ServedTrack | undefined {
    return request.broadcast === this.#path ? this.#tracks.get(request.track) : undefined;
  }
}
