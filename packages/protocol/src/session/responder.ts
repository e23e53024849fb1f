import type { MessageReader } from "../codec/message-reader.ts";
import type { ErrorCode } from "../error-codes.ts";
import type { ProtocolError } from "../protocol-error.ts";
import { type ControlMachine, type ControlStream, SESSION_CLOSED_CODE } from "./control-stream.ts";

/** What the answering sides of all kinds of request have in common: how their stream ends, from here or from the peer. */
export abstract class Responder implements ControlMachine {
  protected readonly control: ControlStream;
  /** Nothing more goes out. */
  protected over = false;

  constructor(control: ControlStream) {
    this.control = control;
  }

  finish(): void {
    if (!this.over) {
      this.over = true;
      this.control.finish();
    }
  }

  reject(code: ErrorCode): void {
    if (!this.over) {
      this.over = true;
      this.control.refuse(code);
    }
  }

  abstract onInput(input: MessageReader): void;
  abstract onFin(): void;

  onReset(code: number): void {
    this.control.refuse(code);
    this.end(code);
  }

  onStop(code: number): void {
    this.control.stop(code);
    this.end(code);
  }

  onDrain(): void {}

  onFailed(error: ProtocolError): void {
    this.end(error.wireCode);
  }

  onSessionClosed(): void {
    this.end(SESSION_CLOSED_CODE);
  }

  /** The stream is over, and not because of `finish` or `reject`. */
  protected end(code: ErrorCode): void {
    if (!this.over) {
      this.over = true;
      this.onEnded(code);
    }
  }

  /** Tells whoever answers; called once at most. */
  protected abstract onEnded(code: ErrorCode): void;
}
