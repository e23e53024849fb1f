import { framePayload } from "../codec/encode-frame.ts";
import type { MessageReader } from "../codec/message-reader.ts";
import type { Dialect, SubscribeMessage, SubscribeReply } from "../dialect.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import type {
  OutgoingGroup,
  SubscribeOptions,
  SubscribeResponder,
  SubscribeResponderHandler,
  TrackInfo,
} from "../session-interface.ts";
import { UNI_TYPES } from "../stream-types.ts";
import type { WireFrame } from "../wire-frame.ts";
import type { ControlMachine, ControlStream } from "./control-stream.ts";
import { OutgoingGroupStream } from "./outgoing-group.ts";
import type { SessionCore } from "./session-core.ts";

export interface SubscribeResponderDeps {
  readonly core: SessionCore;
  readonly dialect: Dialect;
  readonly control: ControlStream;
  /** Takes the id; false = it is in use. */
  readonly register: (responder: IncomingSubscription) => boolean;
  readonly unregister: (responder: IncomingSubscription) => void;
  readonly onRequest: (request: SubscribeResponder) => void;
}

const UNREAD: SubscribeMessage = {
  id: -1,
  broadcast: "",
  track: "",
  options: { priority: 0, ordered: false, maxLatencyMs: 0, startGroup: undefined, endGroup: undefined },
};

/** The answering side of a SUBSCRIBE stream, and the groups that go out for it (moq-lite, SUBSCRIBE). */
export class IncomingSubscription implements SubscribeResponder, ControlMachine {
  readonly #deps: SubscribeResponderDeps;
  readonly #groups = new Set<OutgoingGroupStream>();
  #request: SubscribeMessage = UNREAD;
  #options: SubscribeOptions = UNREAD.options;
  #accepted = false;
  #started = false;
  #waitsForStream = false;
  #over = false;
  handler: SubscribeResponderHandler | undefined;

  constructor(deps: SubscribeResponderDeps) {
    this.#deps = deps;
  }

  get id(): number {
    return this.#request.id;
  }

  get broadcast(): string {
    return this.#request.broadcast;
  }

  get track(): string {
    return this.#request.track;
  }

  get options(): SubscribeOptions {
    return this.#options;
  }

  accept(info: TrackInfo): void {
    if (!this.#accepted) {
      this.#accepted = true;
      this.#reply({ kind: "ok", info });
    }
  }

  reject(code: ErrorCode): void {
    if (!this.#over) {
      this.#control.refuse(code);
      this.#release(code);
    }
  }

  openGroup(sequence: number, priority: number): OutgoingGroup | undefined {
    const { core, dialect } = this.#deps;
    if (this.#over) {
      return undefined;
    }
    const stream = core.wire.openUni(priority);
    if (stream === undefined) {
      this.#waitsForStream = true;
      return undefined;
    }
    this.#start(sequence);
    stream.write(
      core.encode((writer) => {
        writer.varint(UNI_TYPES.group);
        dialect.group.header.write(writer, { subscribeId: this.id, sequence });
      }),
    );
    const group = new OutgoingGroupStream(
      { sequence, timestamps: dialect.group.timestamps },
      { stream, onOver: (over) => this.#groups.delete(over) },
    );
    this.#groups.add(group);
    return group;
  }

  drop(start: number, end: number, code: ErrorCode): void {
    this.#reply({ kind: "drop", start, end, code });
  }

  sendDatagram(sequence: number, frame: WireFrame): boolean {
    const { core, dialect } = this.#deps;
    const codec = dialect.datagram;
    if (codec === undefined || this.#over) {
      return false;
    }
    this.#start(sequence);
    const bytes = core.encode((writer) =>
      codec.write(writer, {
        subscribeId: this.id,
        sequence,
        timestamp: frame.timestamp,
        payload: framePayload(frame),
      }),
    );
    return core.wire.sendDatagram(bytes);
  }

  end(lastGroup: number | undefined): void {
    if (this.#over) {
      return;
    }
    this.#reply({ kind: "end", group: lastGroup === undefined ? 0 : lastGroup + 1 });
    this.#over = true;
    this.#control.finish();
    this.#deps.unregister(this);
  }

  /** The peer allows more streams. */
  onStreamsAvailable(): void {
    if (this.#waitsForStream && !this.#over) {
      this.#waitsForStream = false;
      this.handler?.onStreamsAvailable();
    }
  }

  onInput(input: MessageReader): void {
    const { subscribe } = this.#deps.dialect;
    if (this.#request === UNREAD) {
      const body = input.message();
      if (body === undefined) {
        return;
      }
      this.#request = subscribe.request.read(body);
      this.#options = this.#request.options;
      if (!this.#deps.register(this)) {
        this.#over = true;
        this.#control.refuse(ERROR_CODES.duplicate);
        return;
      }
      this.#deps.onRequest(this);
    }
    for (;;) {
      const body = input.message();
      if (body === undefined) {
        return;
      }
      const options = subscribe.update?.read(body);
      if (options !== undefined && !this.#over) {
        this.#options = options;
        this.handler?.onUpdate(options);
      }
    }
  }

  onFin(): void {
    this.#control.finish();
    this.#close(ERROR_CODES.cancel);
  }

  onReset(code: number): void {
    this.#control.refuse(code);
    this.#close(ERROR_CODES.cancel);
  }

  onStop(code: number): void {
    this.#control.refuse(code);
    this.#close(ERROR_CODES.cancel);
  }

  onDrain(): void {}

  onFailed(): void {
    this.#close(ERROR_CODES.decode);
  }

  onSessionClosed(): void {
    this.#close(ERROR_CODES.transport);
  }

  get #control(): ControlStream {
    return this.#deps.control;
  }

  /** START names the first group that comes, once. */
  #start(sequence: number): void {
    if (!this.#started) {
      this.#started = true;
      this.#reply({ kind: "start", group: sequence });
    }
  }

  #reply(reply: SubscribeReply): void {
    if (this.#over) {
      return;
    }
    const { core, dialect } = this.#deps;
    const bytes = core.encode((writer) => dialect.subscribe.writeReply(writer, reply, this.#options));
    if (bytes.length > 0) {
      this.#control.write(bytes);
    }
  }

  #close(code: ErrorCode): void {
    if (!this.#over) {
      this.#release(code);
      this.handler?.onClosed();
    }
  }

  #release(code: ErrorCode): void {
    this.#over = true;
    this.#deps.unregister(this);
    for (const group of [...this.#groups]) {
      group.abort(code);
    }
  }
}
