import { FrameReader } from "../codec/frame-reader.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { IncomingGroup, IncomingGroupListener } from "../session-interface.ts";
import type { WireFrame } from "../wire-frame.ts";
import type { WireReceiveHandler, WireReceiveStream } from "../wire-session.ts";
import type { SessionCore } from "./session-core.ts";

/**
 * What a group may send before TRACK_INFO has come. The stream is paused then, so this is what was under way in
 * the transport's own buffers.
 */
const MAX_HELD_BYTES = 1024 * 1024;

/** A group stream of the peer, behind its header: the hot path of every relay and viewer. */
export class IncomingGroupStream implements IncomingGroup, WireReceiveHandler {
  readonly sequence: number;
  readonly #core: SessionCore;
  readonly #stream: WireReceiveStream;
  readonly #frames: FrameReader;
  readonly #onOver: (group: IncomingGroupStream) => void;
  /** Bytes that wait for `release`; undefined = nothing is held back. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #heldFin = false;
  #over = false;
  listener: IncomingGroupListener | undefined;

  constructor(
    options: { readonly sequence: number; readonly timestamps: boolean },
    deps: {
      readonly core: SessionCore;
      readonly stream: WireReceiveStream;
      readonly onOver: (group: IncomingGroupStream) => void;
    },
  ) {
    this.sequence = options.sequence;
    this.#core = deps.core;
    this.#stream = deps.stream;
    this.#onOver = deps.onOver;
    const { core } = deps;
    this.#frames = new FrameReader(
      {
        timestamps: options.timestamps,
        maxFrameBytes: core.limits.maxFrameBytes,
        stampTimestamp: core.stampTimestamp,
      },
      (frame) => this.#deliver(frame),
    );
  }

  get over(): boolean {
    return this.#over;
  }

  stop(code: ErrorCode): void {
    if (!this.#over) {
      this.#stream.stop(code);
      this.#end();
    }
  }

  /** Stops, and tells the listener, whose owner did not ask for it. */
  abort(code: ErrorCode): void {
    if (!this.#over) {
      this.stop(code);
      this.listener?.onAborted(code);
    }
  }

  /** Keeps what arrives until `release`. */
  hold(): void {
    this.#held = [];
    this.#stream.pause();
  }

  release(): void {
    const held = this.#held;
    if (held === undefined) {
      return;
    }
    this.#held = undefined;
    for (const bytes of held) {
      this.onData(bytes, false);
    }
    if (this.#heldFin) {
      this.onData(new Uint8Array(0), true);
    }
    this.#stream.resume();
  }

  onData(bytes: Uint8Array, fin: boolean): void {
    if (this.#over) {
      return;
    }
    if (this.#held !== undefined) {
      this.#hold(this.#held, bytes, fin);
      return;
    }
    try {
      this.#frames.push(bytes);
      if (fin && !this.#over) {
        if (this.#frames.insideFrame) {
          throw new ProtocolError("malformed", "a group ends inside a frame");
        }
        this.#end();
        this.listener?.onEnd();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#core.counters.malformedStreams++;
      this.abort(error.wireCode);
    }
  }

  onReset(code: number): void {
    if (!this.#over) {
      this.#end();
      this.listener?.onAborted(code);
    }
  }

  #deliver(frame: WireFrame): void {
    // The listener may have stopped the group at an earlier frame of the same bytes.
    if (!this.#over) {
      this.listener?.onFrame(frame);
    }
  }

  #hold(held: Uint8Array[], bytes: Uint8Array, fin: boolean): void {
    this.#heldBytes += bytes.length;
    this.#heldFin = fin;
    if (this.#heldBytes > MAX_HELD_BYTES) {
      this.#core.counters.streamsOverLimit++;
      this.abort(ERROR_CODES.boundsExceeded);
    } else if (bytes.length > 0) {
      held.push(bytes.slice());
    }
  }

  #end(): void {
    this.#over = true;
    this.#held = undefined;
    this.#onOver(this);
  }
}
