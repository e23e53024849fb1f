import type { MessageReader } from "../codec/message-reader.ts";
import type { Announcement, Dialect } from "../dialect.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import { joinPath } from "../path.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { AnnounceListener, AnnounceRequest } from "../session-interface.ts";
import { BIDI_TYPES } from "../stream-types.ts";
import { type ControlMachine, ControlStream, SESSION_CLOSED_CODE } from "./control-stream.ts";
import type { Deadline } from "./deadlines.ts";
import type { SessionCore } from "./session-core.ts";

export interface AnnounceRequestDeps {
  readonly core: SessionCore;
  readonly listener: AnnounceListener;
  /** What is known about the tracks of `path` is void. */
  readonly onBroadcastChanged: (path: string) => void;
}

/** The asking side of an ANNOUNCE stream (moq-lite, ANNOUNCE). */
export class OutgoingAnnounceRequest implements AnnounceRequest, ControlMachine {
  readonly prefix: string;
  readonly #deps: AnnounceRequestDeps;
  readonly #cancelOpening: () => void;
  /** First hop of every active path; 0 = unknown. */
  readonly #active = new Map<string, number>();
  #dialect: Dialect | undefined;
  #control: ControlStream | undefined;
  #deadline: Deadline | undefined;
  #peerHop = 0;
  #firstReplySeen = false;
  /** Announcements of the initial set that are still to come. */
  #initialLeft = 0;
  #ready = false;
  #closed = false;

  constructor(options: { readonly prefix: string; readonly excludeHop: number }, deps: AnnounceRequestDeps) {
    this.prefix = options.prefix;
    this.#deps = deps;
    const { core } = deps;
    this.#cancelOpening = core.openBidi(
      (stream, dialect) => {
        this.#dialect = dialect;
        this.#control = new ControlStream(core, stream, () => this);
        const bytes = core.encode((writer) => {
          writer.varint(BIDI_TYPES.announce);
          dialect.announce.request.write(writer, options);
        });
        this.#control.write(bytes);
        if (dialect.announce.ok === undefined && dialect.announce.init === undefined) {
          this.#firstReplySeen = true;
          core.defer(() => this.#becomeReady());
        } else {
          this.#deadline = core.deadlines.add(core.limits.replyTimeoutMs, () => {
            core.counters.timeouts++;
            this.#control?.refuse(ERROR_CODES.timeout);
            this.#end(ERROR_CODES.timeout);
          });
        }
      },
      () => this.#end(core.closed ? SESSION_CLOSED_CODE : ERROR_CODES.boundsExceeded),
    );
  }

  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#cancelOpening();
      this.#deadline?.cancel();
      this.#control?.finish();
      this.#control?.stop(ERROR_CODES.cancel);
    }
  }

  onInput(input: MessageReader): void {
    const codec = this.#dialect?.announce;
    while (codec !== undefined && !this.#closed) {
      const body = input.message();
      if (body === undefined) {
        return;
      }
      if (this.#firstReplySeen) {
        this.#onAnnouncement(codec.announcement.read(body));
        continue;
      }
      this.#firstReplySeen = true;
      this.#deadline?.cancel();
      if (codec.ok !== undefined) {
        const ok = codec.ok.read(body);
        this.#peerHop = ok.hop;
        this.#initialLeft = ok.active;
      } else if (codec.init !== undefined) {
        for (const suffix of codec.init.read(body)) {
          this.#onAnnouncement({ status: "active", suffix, hops: [] });
        }
      }
      if (this.#initialLeft === 0) {
        this.#becomeReady();
      }
    }
  }

  onFin(): void {
    this.#control?.finish();
    this.#end(undefined);
  }

  onReset(code: number): void {
    this.#control?.refuse(code);
    this.#end(code);
  }

  /** The peer has read enough; a refusal is a reset. */
  onStop(): void {}

  onDrain(): void {}

  onFailed(error: ProtocolError): void {
    this.#end(error.wireCode);
  }

  onSessionClosed(): void {
    this.#end(SESSION_CLOSED_CODE);
  }

  #onAnnouncement(message: Announcement): void {
    const path = joinPath(this.prefix, message.suffix);
    if (message.status === "ended") {
      this.#onEnded(path);
    } else {
      this.#onActive(path, message);
    }
    if (this.#initialLeft > 0) {
      this.#initialLeft--;
      if (this.#initialLeft === 0) {
        this.#becomeReady();
      }
    }
  }

  #onEnded(path: string): void {
    if (this.#active.delete(path)) {
      this.#deps.onBroadcastChanged(path);
      this.#deps.listener.onEnded(path);
    }
  }

  #onActive(path: string, message: Announcement): void {
    const { core, listener } = this.#deps;
    const codec = this.#dialect?.announce;
    const hops = this.#peerHop === 0 || codec?.senderInHops ? message.hops : [...message.hops, this.#peerHop];
    if (hops.includes(core.originId)) {
      core.counters.loopedAnnouncements++;
      // A route that turned into a loop is no route any more.
      this.#onEnded(path);
      return;
    }
    const firstHop = hops[0] ?? 0;
    const known = this.#active.get(path);
    if (known === undefined) {
      if (this.#active.size >= core.limits.maxAnnouncements) {
        throw new ProtocolError("too-large", "too many broadcasts on one ANNOUNCE request");
      }
      this.#active.set(path, firstHop);
      listener.onActive(path, hops);
      return;
    }
    if (codec?.repeated === "violation") {
      throw new ProtocolError("violation", "a broadcast was announced twice");
    }
    this.#active.set(path, firstHop);
    // The same known origin has found another route: subscriptions carry on (moq-lite, ANNOUNCE).
    const restarted = message.status === "restarted" || firstHop === 0 || firstHop !== known;
    if (restarted) {
      this.#deps.onBroadcastChanged(path);
    }
    listener.onReplaced(path, hops, restarted);
  }

  #becomeReady(): void {
    if (!this.#ready && !this.#closed) {
      this.#ready = true;
      this.#deps.listener.onReady();
    }
  }

  #end(code: ErrorCode | undefined): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#cancelOpening();
      this.#deadline?.cancel();
      this.#deps.listener.onClosed(code);
    }
  }
}
