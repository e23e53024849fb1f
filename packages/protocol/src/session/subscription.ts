import type { MessageReader } from "../codec/message-reader.ts";
import type { Dialect, SubscribeReply } from "../dialect.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import type { ProtocolError } from "../protocol-error.ts";
import type {
  SubscribeOptions,
  Subscription,
  SubscriptionListener,
  TrackInfo,
} from "../session-interface.ts";
import { BIDI_TYPES } from "../stream-types.ts";
import { type ControlMachine, ControlStream, SESSION_CLOSED_CODE } from "./control-stream.ts";
import type { Deadline } from "./deadlines.ts";
import type { IncomingGroupStream } from "./incoming-group.ts";
import type { SessionCore } from "./session-core.ts";
import type { TrackInfoCache } from "./track-info-cache.ts";

export interface SubscriptionDeps {
  readonly core: SessionCore;
  readonly tracks: TrackInfoCache;
  readonly listener: SubscriptionListener;
  /** The id takes no groups any more. */
  readonly onOver: (subscription: OutgoingSubscription) => void;
}

/**
 * The asking side of a SUBSCRIBE stream (moq-lite, SUBSCRIBE). On lite-05 TRACK and SUBSCRIBE go out together, so that
 * joining costs one round trip; groups that overtake TRACK_INFO are held back until it is there.
 */
export class OutgoingSubscription implements Subscription, ControlMachine {
  readonly id: number;
  readonly broadcast: string;
  readonly track: string;
  readonly #deps: SubscriptionDeps;
  readonly #groups = new Set<IncomingGroupStream>();
  #options: SubscribeOptions;
  #cancelTrack: () => void = () => {};
  #cancelOpening: () => void;
  #dialect: Dialect | undefined;
  #control: ControlStream | undefined;
  #deadline: Deadline | undefined;
  #info: TrackInfo | undefined;
  /** One past the last group, as END says. */
  #endGroup: number | undefined;
  /** One past the newest group that has come. */
  #seenGroup = 0;
  #finished = false;
  #over = false;

  constructor(
    request: {
      readonly id: number;
      readonly broadcast: string;
      readonly track: string;
      readonly options: SubscribeOptions;
    },
    deps: SubscriptionDeps,
  ) {
    this.id = request.id;
    this.broadcast = request.broadcast;
    this.track = request.track;
    this.#options = request.options;
    this.#deps = deps;
    if (deps.core.dialect?.track !== undefined) {
      this.#askForInfo();
    }
    this.#cancelOpening = deps.core.openBidi(
      (stream, dialect) => {
        this.#dialect = dialect;
        this.#control = new ControlStream(deps.core, stream, () => this);
        this.#control.write(
          deps.core.encode((writer) => {
            writer.varint(BIDI_TYPES.subscribe);
            dialect.subscribe.request.write(writer, { ...request, options: this.#options });
          }),
        );
        if (dialect.track === undefined) {
          this.#deadline = deps.core.deadlines.add(deps.core.limits.replyTimeoutMs, () => {
            deps.core.counters.timeouts++;
            this.#giveUp(ERROR_CODES.timeout);
          });
        }
      },
      () => this.#giveUp(deps.core.closed ? SESSION_CLOSED_CODE : ERROR_CODES.boundsExceeded),
    );
  }

  update(options: Partial<SubscribeOptions>): void {
    this.#options = { ...this.#options, ...options };
    const codec = this.#dialect?.subscribe.update;
    if (codec !== undefined && !this.#over) {
      this.#control?.write(this.#deps.core.encode((writer) => codec.write(writer, this.#options)));
    }
  }

  close(): void {
    if (this.#over) {
      return;
    }
    this.#release();
    this.#control?.finish();
    this.#control?.stop(ERROR_CODES.cancel);
    for (const group of [...this.#groups]) {
      group.stop(ERROR_CODES.cancel);
    }
  }

  /** A group stream with our id has come. */
  onGroupStream(group: IncomingGroupStream): void {
    this.#groups.add(group);
    this.#seenGroup = Math.max(this.#seenGroup, group.sequence + 1);
    if (this.#info === undefined) {
      group.hold();
    } else {
      this.#present(group);
    }
  }

  onGroupOver(group: IncomingGroupStream): void {
    this.#groups.delete(group);
    this.#checkDone();
  }

  onInput(input: MessageReader): void {
    while (!this.#over) {
      const reply = this.#dialect?.subscribe.readReply(input);
      if (reply === undefined) {
        return;
      }
      this.#onReply(reply);
    }
  }

  /** The track is done, but its last groups may still be on their way. */
  onFin(): void {
    if (this.#over) {
      return;
    }
    this.#finished = true;
    this.#control?.finish();
    this.#deadline?.cancel();
    this.#checkDone();
    if (!this.#over) {
      const { core } = this.#deps;
      this.#deadline = core.deadlines.add(core.limits.replyTimeoutMs, () => this.#end(undefined));
    }
  }

  onReset(code: number): void {
    this.#giveUp(code);
  }

  /** The peer takes no updates any more; what it still sends is welcome. */
  onStop(): void {}

  onDrain(): void {}

  onFailed(error: ProtocolError): void {
    this.#end(error.wireCode);
  }

  onSessionClosed(): void {
    this.#end(SESSION_CLOSED_CODE);
  }

  #askForInfo(): void {
    this.#cancelTrack = this.#deps.tracks.ask(this.broadcast, this.track, {
      onInfo: (info) => this.#onInfo(info),
      onFailed: (code) => this.#giveUp(code),
    });
  }

  #onReply(reply: SubscribeReply): void {
    switch (reply.kind) {
      case "ok":
        this.#deadline?.cancel();
        this.#onInfo(reply.info);
        return;
      case "start":
        return;
      case "end":
        this.#endGroup = reply.group;
        return;
      case "drop":
        this.#deps.listener.onDropped(reply.start, reply.end, reply.code);
        return;
    }
  }

  #onInfo(info: TrackInfo): void {
    if (this.#over || this.#info !== undefined) {
      return;
    }
    this.#info = info;
    this.#deps.listener.onInfo(info);
    for (const group of [...this.#groups]) {
      if (!this.#over) {
        this.#present(group);
        group.release();
      }
    }
  }

  #present(group: IncomingGroupStream): void {
    this.#deps.listener.onGroup(group);
    if (group.listener === undefined) {
      group.stop(ERROR_CODES.cancel);
    }
  }

  #checkDone(): void {
    const sawLast = this.#endGroup === undefined || this.#seenGroup >= this.#endGroup;
    if (this.#finished && sawLast && this.#groups.size === 0) {
      this.#end(undefined);
    }
  }

  #giveUp(code: ErrorCode): void {
    this.#control?.refuse(code);
    this.#end(code);
  }

  #end(code: ErrorCode | undefined): void {
    if (this.#over) {
      return;
    }
    this.#release();
    this.#deps.tracks.forget(this.broadcast, this.track);
    for (const group of [...this.#groups]) {
      group.abort(code ?? ERROR_CODES.cancel);
    }
    this.#deps.listener.onClosed(code);
  }

  #release(): void {
    this.#over = true;
    this.#cancelTrack();
    this.#cancelOpening();
    this.#deadline?.cancel();
    this.#deps.onOver(this);
  }
}
