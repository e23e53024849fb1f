import type { MessageReader } from "../codec/message-reader.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import type { TrackInfo } from "../session-interface.ts";
import { BIDI_TYPES } from "../stream-types.ts";
import { type ControlMachine, ControlStream, SESSION_CLOSED_CODE } from "./control-stream.ts";
import type { Deadline } from "./deadlines.ts";
import type { SessionCore } from "./session-core.ts";

export interface TrackInfoListener {
  onInfo(info: TrackInfo): void;
  onFailed(code: ErrorCode): void;
}

interface CacheEntry {
  readonly broadcast: string;
  readonly info: TrackInfo;
}

/** TRACK_INFO answers per (broadcast, track), and the requests under way (moq-lite, TRACK). */
export class TrackInfoCache {
  readonly #core: SessionCore;
  readonly #known = new Map<string, CacheEntry>();
  readonly #asking = new Map<string, TrackInfoRequest>();

  constructor(core: SessionCore) {
    this.#core = core;
  }

  /** `listener` is called once, deferred or when the peer answers. Returns a function that forgets the listener. */
  ask(broadcast: string, track: string, listener: TrackInfoListener): () => void {
    const key = `${broadcast}\0${track}`;
    const known = this.#known.get(key);
    if (known !== undefined) {
      let wanted = true;
      this.#core.defer(() => {
        if (wanted) {
          listener.onInfo(known.info);
        }
      });
      return () => {
        wanted = false;
      };
    }
    const request = this.#asking.get(key) ?? this.#start(key, broadcast, track);
    request.listeners.add(listener);
    return () => {
      request.listeners.delete(listener);
    };
  }

  /** The broadcast ended or restarted: its tracks may have other properties now. */
  forgetBroadcast(broadcast: string): void {
    for (const [key, entry] of this.#known) {
      if (entry.broadcast === broadcast) {
        this.#known.delete(key);
      }
    }
  }

  forget(broadcast: string, track: string): void {
    this.#known.delete(`${broadcast}\0${track}`);
  }

  #start(key: string, broadcast: string, track: string): TrackInfoRequest {
    const request = new TrackInfoRequest(this.#core, broadcast, track, (info) => {
      this.#asking.delete(key);
      if (info !== undefined) {
        this.#remember(key, { broadcast, info });
      }
    });
    this.#asking.set(key, request);
    return request;
  }

  #remember(key: string, entry: CacheEntry): void {
    if (this.#known.size >= this.#core.limits.maxCachedTracks) {
      // Oldest first: a Map iterates in order of insertion.
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    this.#known.set(key, entry);
  }
}

class TrackInfoRequest implements ControlMachine {
  readonly listeners = new Set<TrackInfoListener>();
  readonly #core: SessionCore;
  readonly #onDone: (info: TrackInfo | undefined) => void;
  #control: ControlStream | undefined;
  #deadline: Deadline | undefined;
  #done = false;

  constructor(
    core: SessionCore,
    broadcast: string,
    track: string,
    onDone: (info: TrackInfo | undefined) => void,
  ) {
    this.#core = core;
    this.#onDone = onDone;
    core.openBidi(
      (stream, dialect) => {
        const codec = dialect.track;
        if (codec === undefined) {
          return;
        }
        this.#control = new ControlStream(core, stream, () => this);
        this.#control.write(
          core.encode((writer) => {
            writer.varint(BIDI_TYPES.track);
            codec.request.write(writer, { broadcast, track });
          }),
        );
        this.#deadline = core.deadlines.add(core.limits.replyTimeoutMs, () => {
          core.counters.timeouts++;
          this.#control?.refuse(ERROR_CODES.timeout);
          this.#fail(ERROR_CODES.timeout);
        });
      },
      () => this.#fail(core.closed ? SESSION_CLOSED_CODE : ERROR_CODES.boundsExceeded),
      (dialect) => dialect.track !== undefined,
    );
  }

  onInput(input: MessageReader): void {
    const body = input.message();
    const codec = this.#core.dialect?.track;
    if (body === undefined || codec === undefined || this.#done) {
      return;
    }
    const info = codec.info.read(body);
    this.#finishWith(info);
    this.#control?.finish();
    this.#control?.stop(ERROR_CODES.cancel);
    for (const listener of this.listeners) {
      listener.onInfo(info);
    }
  }

  onFin(): void {
    this.#control?.finish();
    this.#fail(ERROR_CODES.notFound);
  }

  onReset(code: number): void {
    this.#control?.refuse(code);
    this.#fail(code);
  }

  /** The peer has read enough; a refusal is a reset. */
  onStop(): void {}

  onDrain(): void {}

  onFailed(error: { readonly wireCode: ErrorCode }): void {
    this.#fail(error.wireCode);
  }

  onSessionClosed(): void {
    this.#fail(SESSION_CLOSED_CODE);
  }

  #fail(code: ErrorCode): void {
    if (this.#done) {
      return;
    }
    this.#finishWith(undefined);
    for (const listener of this.listeners) {
      listener.onFailed(code);
    }
  }

  #finishWith(info: TrackInfo | undefined): void {
    this.#done = true;
    this.#deadline?.cancel();
    this.#onDone(info);
  }
}
