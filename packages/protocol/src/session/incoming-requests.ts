import type { Dialect } from "../dialect.ts";
import { ERROR_CODES } from "../error-codes.ts";
import type { MoqSessionHandler } from "../session-interface.ts";
import { BIDI_TYPES } from "../stream-types.ts";
import { IncomingAnnounceRequest } from "./announce-responder.ts";
import type { ControlMachine, ControlStream } from "./control-stream.ts";
import { IncomingFetch } from "./fetch-responder.ts";
import { IncomingGoaway } from "./goaway-stream.ts";
import { IncomingProbe } from "./probe-responder.ts";
import type { SessionCore } from "./session-core.ts";
import { IncomingSubscription } from "./subscribe-responder.ts";
import { IncomingTrackRequest } from "./track-info-responder.ts";

/** What the peer asks for: one machine per stream, within the limits for its kind. */
export class IncomingRequests {
  readonly #core: SessionCore;
  readonly #handler: MoqSessionHandler;
  readonly #subscriptions = new Map<number, IncomingSubscription>();
  #announceRequests = 0;
  #subscribeStreams = 0;
  #otherRequests = 0;

  constructor(core: SessionCore, handler: MoqSessionHandler) {
    this.#core = core;
    this.#handler = handler;
  }

  onStreamsAvailable(): void {
    for (const subscription of [...this.#subscriptions.values()]) {
      subscription.onStreamsAvailable();
    }
  }

  /** The machine for a stream of `type`, or the code to refuse it with. `onOver` is to be called at its end. */
  create(
    type: number,
    dialect: Dialect,
    control: ControlStream,
  ): { machine: ControlMachine; onOver: () => void } | number {
    const { limits } = this.#core;
    switch (type) {
      case BIDI_TYPES.announce: {
        if (this.#announceRequests >= limits.maxAnnounceRequests) {
          return ERROR_CODES.boundsExceeded;
        }
        this.#announceRequests++;
        const machine = new IncomingAnnounceRequest(this.#core, dialect, control, (request) =>
          this.#handler.onAnnounceRequest(request),
        );
        return { machine, onOver: () => this.#announceRequests-- };
      }
      case BIDI_TYPES.subscribe: {
        if (this.#subscribeStreams >= limits.maxSubscriptions) {
          return ERROR_CODES.boundsExceeded;
        }
        this.#subscribeStreams++;
        const machine = this.#createSubscription(dialect, control);
        return { machine, onOver: () => this.#subscribeStreams-- };
      }
      default: {
        const machine = this.#createOther(type, dialect, control);
        if (machine === undefined) {
          return ERROR_CODES.unexpectedStream;
        }
        if (this.#otherRequests >= limits.maxOtherRequests) {
          return ERROR_CODES.boundsExceeded;
        }
        this.#otherRequests++;
        return { machine, onOver: () => this.#otherRequests-- };
      }
    }
  }

  #createSubscription(dialect: Dialect, control: ControlStream): ControlMachine {
    return new IncomingSubscription({
      core: this.#core,
      dialect,
      control,
      register: (responder) => {
        if (this.#subscriptions.has(responder.id)) {
          return false;
        }
        this.#subscriptions.set(responder.id, responder);
        return true;
      },
      unregister: (responder) => {
        if (this.#subscriptions.get(responder.id) === responder) {
          this.#subscriptions.delete(responder.id);
        }
      },
      onRequest: (request) => this.#handler.onSubscribe(request),
    });
  }

  #createOther(type: number, dialect: Dialect, control: ControlStream): ControlMachine | undefined {
    switch (type) {
      case BIDI_TYPES.track:
        return dialect.track === undefined
          ? undefined
          : new IncomingTrackRequest(this.#core, dialect.track, control, (request) =>
              this.#handler.onTrackInfoRequest(request),
            );
      case BIDI_TYPES.fetch:
        return dialect.fetch === undefined
          ? undefined
          : new IncomingFetch(dialect.fetch, control, (request) => this.#handler.onFetch(request));
      case BIDI_TYPES.probe:
        return dialect.probe === undefined
          ? undefined
          : new IncomingProbe(this.#core, dialect.probe, control, (probe) => this.#handler.onProbe(probe));
      case BIDI_TYPES.goaway:
        return dialect.goaway === undefined
          ? undefined
          : new IncomingGoaway(dialect.goaway, control, (uri) => this.#handler.onGoaway(uri));
      default:
        return undefined;
    }
  }
}
