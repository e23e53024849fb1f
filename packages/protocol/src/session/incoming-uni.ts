import { MessageReader } from "../codec/message-reader.ts";
import { ERROR_CODES } from "../error-codes.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { PeerSetup } from "../session-interface.ts";
import { UNI_TYPES } from "../stream-types.ts";
import type { WireReceiveHandler, WireReceiveStream } from "../wire-session.ts";
import { IncomingGroupStream } from "./incoming-group.ts";
import type { SessionCore, SessionMember } from "./session-core.ts";
import type { OutgoingSubscription } from "./subscription.ts";

export interface IncomingUniDeps {
  readonly core: SessionCore;
  readonly subscriptionOf: (id: number) => OutgoingSubscription | undefined;
  /** Throws ProtocolError for a second one. */
  readonly onSetup: (setup: PeerSetup) => void;
  readonly onOver: () => void;
}

/** A unidirectional stream of the peer: finds out what it is, and hands its bytes on (moq-lite, stream types). */
export class IncomingUniStream implements WireReceiveHandler, SessionMember {
  readonly #deps: IncomingUniDeps;
  readonly #stream: WireReceiveStream;
  readonly #input: MessageReader;
  #type: number | undefined;
  #group: IncomingGroupStream | undefined;
  #over = false;

  constructor(stream: WireReceiveStream, deps: IncomingUniDeps) {
    this.#stream = stream;
    this.#deps = deps;
    this.#input = new MessageReader({ maxMessageBytes: deps.core.limits.maxMessageBytes });
    deps.core.members.add(this);
    stream.receiver = this;
  }

  onData(bytes: Uint8Array, fin: boolean): void {
    const group = this.#group;
    if (group !== undefined) {
      group.onData(bytes, fin);
      return;
    }
    this.#deps.core.runDeferred();
    if (this.#over) {
      return;
    }
    try {
      this.#input.push(bytes);
      this.#readHeader(fin);
      if (!this.#over && this.#group === undefined) {
        this.#input.keep();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#deps.core.counters.malformedStreams++;
      this.#refuse(error.wireCode);
      if (error.endsSession || this.#type === UNI_TYPES.setup) {
        this.#deps.core.fail(error);
      }
      return;
    }
    if (fin && this.#group === undefined) {
      this.#end();
    }
  }

  onReset(code: number): void {
    this.#deps.core.runDeferred();
    if (this.#group === undefined) {
      this.#end();
    } else {
      this.#group.onReset(code);
    }
  }

  onSessionClosed(): void {
    this.#over = true;
    this.#group?.onReset(ERROR_CODES.transport);
  }

  #readHeader(fin: boolean): void {
    this.#type ??= this.#input.varint();
    const setup = this.#deps.core.dialect?.setup;
    if (this.#type === UNI_TYPES.group) {
      this.#readGroupHeader(fin);
    } else if (this.#type === UNI_TYPES.setup && setup?.kind === "stream") {
      const body = this.#input.message();
      if (body !== undefined) {
        const message = setup.message.read(body);
        this.#end();
        this.#deps.onSetup(message);
      }
    } else if (this.#type !== undefined) {
      this.#deps.core.counters.unknownStreams++;
      this.#refuse(ERROR_CODES.unexpectedStream);
    }
  }

  #readGroupHeader(fin: boolean): void {
    const { core } = this.#deps;
    const codec = core.dialect?.group;
    if (codec === undefined) {
      this.#refuse(ERROR_CODES.unexpectedStream);
      return;
    }
    const body = this.#input.message();
    if (body === undefined) {
      return;
    }
    const header = codec.header.read(body);
    const subscription = this.#deps.subscriptionOf(header.subscribeId);
    if (subscription === undefined) {
      // Usual after an unsubscribe: the group was on its way (moq-lite, behaviour of peers).
      core.counters.groupsWithoutSubscription++;
      this.#refuse(ERROR_CODES.cancel);
      return;
    }
    const group = new IncomingGroupStream(
      { sequence: header.sequence, timestamps: codec.timestamps },
      {
        core,
        stream: this.#stream,
        onOver: (over) => {
          this.#end();
          subscription.onGroupOver(over);
        },
      },
    );
    this.#group = group;
    subscription.onGroupStream(group);
    if (!group.over) {
      group.onData(this.#input.rest(), fin);
    }
  }

  #refuse(code: number): void {
    if (!this.#over) {
      this.#stream.stop(code);
      this.#end();
    }
  }

  #end(): void {
    if (!this.#over) {
      this.#over = true;
      this.#deps.core.members.delete(this);
      this.#deps.onOver();
    }
  }
}
