import type { ErrorCode } from "../error-codes.ts";
import type { OutgoingGroup, WireGroupHandler } from "../session-interface.ts";
import type { WireFrame } from "../wire-frame.ts";
import type { WireSendHandler, WireSendStream } from "../wire-session.ts";

/** A group stream to the peer. Frames are written as they lie in the cache, without a copy. */
export class OutgoingGroupStream implements OutgoingGroup, WireSendHandler {
  readonly sequence: number;
  readonly #stream: WireSendStream;
  readonly #timestamps: boolean;
  readonly #onOver: (group: OutgoingGroupStream) => void;
  #over = false;
  handler: WireGroupHandler | undefined;

  constructor(
    options: { readonly sequence: number; readonly timestamps: boolean },
    deps: { readonly stream: WireSendStream; readonly onOver: (group: OutgoingGroupStream) => void },
  ) {
    this.sequence = options.sequence;
    this.#timestamps = options.timestamps;
    this.#stream = deps.stream;
    this.#onOver = deps.onOver;
    deps.stream.handler = this;
  }

  get bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  writeFrame(frame: WireFrame): boolean {
    if (this.#over) {
      return true;
    }
    return this.#stream.write(this.#timestamps ? frame.wire : frame.wire.subarray(frame.sizeOffset));
  }

  finish(): void {
    if (!this.#over) {
      this.#stream.finish();
      this.#end();
    }
  }

  /** Also after `finish`, as long as the transport holds bytes: a slow viewer's old group must not stay in its way. */
  abort(code: ErrorCode): void {
    this.#stream.reset(code);
    if (!this.#over) {
      this.#end();
    }
  }

  setPriority(priority: number): void {
    this.#stream.setPriority(priority);
  }

  onDrain(): void {
    this.handler?.onDrain();
  }

  onStop(code: number): void {
    if (!this.#over) {
      this.#end();
      this.handler?.onStop(code);
    }
  }

  #end(): void {
    this.#over = true;
    this.#onOver(this);
  }
}
