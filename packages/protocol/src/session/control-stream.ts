import { MessageReader } from "../codec/message-reader.ts";
import { ERROR_CODES } from "../error-codes.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { WireBidiStream, WireReceiveHandler, WireSendHandler } from "../wire-session.ts";
import type { SessionCore, SessionMember } from "./session-core.ts";

/** The state machine of one request, on either side. */
export interface ControlMachine {
  /** Reads as many whole messages as `input` has. May throw ProtocolError. */
  onInput(input: MessageReader): void;
  /** The peer finished its half, behind a whole message. */
  onFin(): void;
  /** The peer reset its half (`onReset`), or does not want ours (`onStop`). */
  onReset(code: number): void;
  onStop(code: number): void;
  onDrain(): void;
  /** The input was malformed; the stream is refused already. */
  onFailed(error: ProtocolError): void;
  onSessionClosed(): void;
}

/**
 * A bidirectional stream of messages: cuts the input, turns errors into resets, and knows when both halves are
 * over. What a peer does wrong here costs it this stream, or the session if `ProtocolError.endsSession`.
 */
export class ControlStream implements WireReceiveHandler, WireSendHandler, SessionMember {
  readonly #core: SessionCore;
  readonly #stream: WireBidiStream;
  readonly #input: MessageReader;
  #inputOver = false;
  #outputOver = false;
  machine: ControlMachine;
  /** Both halves are over. */
  onOver: (() => void) | undefined;

  constructor(
    core: SessionCore,
    stream: WireBidiStream,
    machine: (control: ControlStream) => ControlMachine,
  ) {
    this.#core = core;
    this.#stream = stream;
    this.#input = new MessageReader({ maxMessageBytes: core.limits.maxMessageBytes });
    this.machine = machine(this);
    core.members.add(this);
    stream.handler = this;
    stream.receiver = this;
  }

  get bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  write(bytes: Uint8Array): boolean {
    return this.#outputOver || this.#stream.write(bytes);
  }

  finish(): void {
    if (!this.#outputOver) {
      this.#stream.finish();
      this.#endOutput();
    }
  }

  /** Gives the stream up in both directions. */
  refuse(code: number): void {
    this.stop(code);
    if (!this.#outputOver) {
      this.#stream.reset(code);
      this.#endOutput();
    }
  }

  stop(code: number): void {
    if (!this.#inputOver) {
      this.#stream.stop(code);
      this.#endInput();
    }
  }

  onData(bytes: Uint8Array, fin: boolean): void {
    this.#core.runDeferred();
    if (this.#inputOver) {
      return;
    }
    try {
      this.#input.push(bytes);
      this.machine.onInput(this.#input);
      if (this.#inputOver) {
        return;
      }
      if (!fin) {
        this.#input.keep();
        return;
      }
      if (this.#input.remaining > 0) {
        throw new ProtocolError("malformed", "a stream ends inside a message");
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#endInput();
    this.machine.onFin();
  }

  onReset(code: number): void {
    this.#core.runDeferred();
    if (!this.#inputOver) {
      this.#endInput();
      this.machine.onReset(code);
    }
  }

  onStop(code: number): void {
    this.#core.runDeferred();
    if (!this.#outputOver) {
      this.#endOutput();
      this.machine.onStop(code);
    }
  }

  onDrain(): void {
    this.machine.onDrain();
  }

  onSessionClosed(): void {
    this.#inputOver = true;
    this.#outputOver = true;
    this.machine.onSessionClosed();
  }

  #fail(error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      throw error;
    }
    this.#core.counters.malformedStreams++;
    this.refuse(error.wireCode);
    this.machine.onFailed(error);
    if (error.endsSession) {
      this.#core.fail(error);
    }
  }

  #endInput(): void {
    this.#inputOver = true;
    this.#checkOver();
  }

  #endOutput(): void {
    this.#outputOver = true;
    this.#checkOver();
  }

  #checkOver(): void {
    if (this.#inputOver && this.#outputOver && this.#core.members.delete(this)) {
      this.onOver?.();
    }
  }
}

/** The code that owners see when the session ends under a request. */
export const SESSION_CLOSED_CODE = ERROR_CODES.transport;
