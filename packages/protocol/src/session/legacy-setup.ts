import type { MessageReader } from "../codec/message-reader.ts";
import type { SetupCodec } from "../dialect.ts";
import { ERROR_CODES } from "../error-codes.ts";
import { ProtocolError } from "../protocol-error.ts";
import { BIDI_TYPES } from "../stream-types.ts";
import { type ControlMachine, ControlStream } from "./control-stream.ts";
import { CONTROL_PRIORITY, type SessionCore } from "./session-core.ts";

export type LegacySetupCodec = Extract<SetupCodec, { readonly kind: "legacy" }>;

/**
 * The SETUP exchange of lite-02 (moq-lite, versions). Its stream stays open; SESSION_INFO, which may follow, is read over.
 */
export class LegacyClientSetup implements ControlMachine {
  readonly #core: SessionCore;
  readonly #codec: LegacySetupCodec;
  readonly #onAgreed: () => void;
  #agreed = false;

  constructor(core: SessionCore, codec: LegacySetupCodec, onAgreed: () => void) {
    this.#core = core;
    this.#codec = codec;
    this.#onAgreed = onAgreed;
    const deadline = core.deadlines.add(core.limits.replyTimeoutMs, () => {
      if (!this.#agreed) {
        core.close(ERROR_CODES.timeout, "no answer to SETUP");
      }
    });
    const stream = core.wire.openBidi(CONTROL_PRIORITY);
    if (stream === undefined) {
      // The peer allows not even one stream: nothing can ever be asked.
      deadline.cancel();
      core.defer(() => core.close(ERROR_CODES.unsupported, "no stream for SETUP"));
      return;
    }
    const control = new ControlStream(core, stream, () => this);
    control.write(
      core.encode((writer) => {
        writer.varint(BIDI_TYPES.legacyClientSetup);
        codec.client.write(writer, { versions: [codec.versionNumber] });
      }),
    );
  }

  onInput(input: MessageReader): void {
    if (this.#agreed) {
      input.rest();
      return;
    }
    const message = input.taggedOfU16Length();
    if (message === undefined) {
      return;
    }
    if (message.tag !== BIDI_TYPES.legacyServerSetup) {
      throw new ProtocolError("violation", "the answer to SETUP is something else");
    }
    if (this.#codec.server.read(message.body).version !== this.#codec.versionNumber) {
      throw new ProtocolError("version", "the peer chose a version that was not offered");
    }
    this.#agreed = true;
    this.#onAgreed();
  }

  onFin(): void {
    this.#onLost();
  }

  onReset(): void {
    this.#onLost();
  }

  onStop(): void {
    this.#onLost();
  }

  onDrain(): void {}

  onFailed(error: ProtocolError): void {
    this.#core.fail(error);
  }

  onSessionClosed(): void {}

  #onLost(): void {
    if (!this.#agreed) {
      this.#core.close(ERROR_CODES.version, "SETUP was refused");
    }
  }
}

/** Answers CLIENT_SETUP. The type has been read already. */
export class LegacyServerSetup implements ControlMachine {
  readonly #core: SessionCore;
  readonly #codec: LegacySetupCodec;
  readonly #control: ControlStream;
  readonly #onAgreed: () => void;
  #agreed = false;

  constructor(core: SessionCore, codec: LegacySetupCodec, control: ControlStream, onAgreed: () => void) {
    this.#core = core;
    this.#codec = codec;
    this.#control = control;
    this.#onAgreed = onAgreed;
  }

  onInput(input: MessageReader): void {
    if (this.#agreed) {
      input.rest();
      return;
    }
    const body = input.messageOfU16Length();
    if (body === undefined) {
      return;
    }
    const { versionNumber } = this.#codec;
    if (!this.#codec.client.read(body).versions.includes(versionNumber)) {
      throw new ProtocolError("version", "no common version in SETUP");
    }
    this.#agreed = true;
    this.#control.write(
      this.#core.encode((writer) => {
        writer.varint(BIDI_TYPES.legacyServerSetup);
        this.#codec.server.write(writer, { version: versionNumber });
      }),
    );
    this.#onAgreed();
  }

  onFin(): void {}
  onReset(): void {}
  onStop(): void {}
  onDrain(): void {}

  onFailed(error: ProtocolError): void {
    this.#core.fail(error);
  }

  onSessionClosed(): void {}
}
