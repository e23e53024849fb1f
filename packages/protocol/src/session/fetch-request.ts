import { FrameReader } from "../codec/frame-reader.ts";
import type { FetchMessage } from "../dialect.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { FetchListener } from "../session-interface.ts";
import { BIDI_TYPES } from "../stream-types.ts";
import type { WireBidiStream, WireReceiveHandler } from "../wire-session.ts";
import { SESSION_CLOSED_CODE } from "./control-stream.ts";
import type { Deadline } from "./deadlines.ts";
import type { SessionCore, SessionMember } from "./session-core.ts";

/** The asking side of a FETCH stream: the answer is bare frames (moq-lite, FETCH). */
export class OutgoingFetch implements WireReceiveHandler, SessionMember {
  readonly #core: SessionCore;
  readonly #listener: FetchListener;
  readonly #cancelOpening: () => void;
  #frames: FrameReader | undefined;
  #stream: WireBidiStream | undefined;
  #deadline: Deadline | undefined;
  #over = false;

  constructor(core: SessionCore, request: FetchMessage, listener: FetchListener) {
    this.#core = core;
    this.#listener = listener;
    this.#cancelOpening = core.openBidi(
      (stream, dialect) => {
        const codec = dialect.fetch;
        if (codec === undefined) {
          return;
        }
        this.#stream = stream;
        core.members.add(this);
        this.#frames = new FrameReader(
          {
            timestamps: dialect.group.timestamps,
            maxFrameBytes: core.limits.maxFrameBytes,
            stampTimestamp: core.stampTimestamp,
          },
          (frame) => {
            this.#deadline?.cancel();
            if (!this.#over) {
              listener.onFrame(frame);
            }
          },
        );
        stream.receiver = this;
        stream.write(
          core.encode((writer) => {
            writer.varint(BIDI_TYPES.fetch);
            codec.write(writer, request);
          }),
        );
        stream.finish();
        this.#deadline = core.deadlines.add(core.limits.replyTimeoutMs, () => {
          core.counters.timeouts++;
          this.#stream?.stop(ERROR_CODES.timeout);
          this.#end(ERROR_CODES.timeout);
        });
      },
      () => this.#end(this.#refusalCode()),
      (dialect) => dialect.fetch !== undefined,
    );
  }

  close(): void {
    if (!this.#over) {
      this.#release();
      this.#stream?.stop(ERROR_CODES.cancel);
    }
  }

  onData(bytes: Uint8Array, fin: boolean): void {
    this.#core.runDeferred();
    const frames = this.#frames;
    if (this.#over || frames === undefined) {
      return;
    }
    try {
      frames.push(bytes);
      if (fin && !this.#over) {
        if (frames.insideFrame) {
          throw new ProtocolError("malformed", "a fetched group ends inside a frame");
        }
        this.#release();
        this.#listener.onEnd();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#core.counters.malformedStreams++;
      this.#stream?.stop(error.wireCode);
      this.#end(error.wireCode);
    }
  }

  onReset(code: number): void {
    this.#core.runDeferred();
    this.#end(code);
  }

  onSessionClosed(): void {
    this.#end(SESSION_CLOSED_CODE);
  }

  #refusalCode(): ErrorCode {
    const { dialect, closed } = this.#core;
    if (closed) {
      return SESSION_CLOSED_CODE;
    }
    const isUnsupported = dialect !== undefined && dialect.fetch === undefined;
    return isUnsupported ? ERROR_CODES.unsupported : ERROR_CODES.boundsExceeded;
  }

  #end(code: ErrorCode): void {
    if (!this.#over) {
      this.#release();
      this.#listener.onFailed(code);
    }
  }

  #release(): void {
    this.#over = true;
    this.#cancelOpening();
    this.#deadline?.cancel();
    this.#core.members.delete(this);
  }
}
