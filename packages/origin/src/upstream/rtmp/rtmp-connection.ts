import type { Socket } from "node:net";
import type { Clock } from "@canopy/runtime";
import { OriginError, type OriginErrorCode } from "../../origin-error.ts";
import { type PublishTarget, parsePublishTarget } from "./publish-target.ts";
import type { RtmpLimits } from "./rtmp-limits.ts";
import { type RtmpMediaKind, RtmpProtocol, type RtmpProtocolHandler } from "./rtmp-protocol.ts";

/** Where a connection's media goes once publishing was granted. */
export interface RtmpPublication {
  /**
   * Takes one FLV tag body, valid during this call.
   * @returns ms for which the publisher is to be held back (it sends faster than real time); 0 = go on
   * @throws OriginError to end the connection
   */
  onMedia(kind: RtmpMediaKind, timestampMs: number, payload: Uint8Array): number;
  /** The connection is over. Called once. */
  close(): void;
}

export interface RtmpConnectionOptions {
  readonly limits: RtmpLimits;
  /** From accept to granted publishing. */
  readonly handshakeTimeoutMs: number;
  /** Without a complete media message. */
  readonly idleTimeoutMs: number;
}

export interface RtmpConnectionDeps {
  readonly socket: Socket;
  readonly clock: Clock;
  /** Checks the token and opens the broadcast; rejects with an OriginError whose message the publisher is told. */
  open(target: PublishTarget, connection: RtmpConnection): Promise<RtmpPublication>;
  /** Called once, when the socket is gone. `error` is undefined if the publisher ended the connection. */
  onClosed(connection: RtmpConnection, error: OriginError | undefined): void;
}

/** A refused publisher gets this long to read why before the socket is destroyed. */
const FAREWELL_MS = 1_000;
/** We write some hundred bytes per connection and 16 per acknowledgement: a peer that leaves more unread is stuck. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** Longest time to hold a publisher back at a stretch, well below the idle deadline. */
const MAX_HOLD_MS = 1_000;

interface PendingMedia {
  readonly kind: RtmpMediaKind;
  readonly timestampMs: number;
  readonly payload: Uint8Array;
}

/** One publisher's TCP connection: socket and deadlines around `RtmpProtocol`. */
export class RtmpConnection implements RtmpProtocolHandler {
  readonly remoteAddress: string;
  readonly #options: RtmpConnectionOptions;
  readonly #deps: RtmpConnectionDeps;
  readonly #protocol: RtmpProtocol;
  #publication: RtmpPublication | undefined;
  #opening = false;
  #pending: PendingMedia[] = [];
  #pendingBytes = 0;
  #receivedBytes = 0;
  #deadlineMs: number;
  #error: OriginError | undefined;
  #ending = false;
  #closed = false;
  #holdTimer: NodeJS.Timeout | undefined;

  constructor(options: RtmpConnectionOptions, deps: RtmpConnectionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#protocol = new RtmpProtocol(options.limits, this);
    this.#deadlineMs = deps.clock.nowMs() + options.handshakeTimeoutMs;
    const { socket } = deps;
    this.remoteAddress = socket.remoteAddress ?? "";
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    // The close event follows and does the work; without a listener the error would end the process.
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("close", () => this.#onClosed());
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get closed(): boolean {
    return this.#closed || this.#ending;
  }

  /** Called by the server about once a second: one timer for all connections. */
  checkDeadline(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    if (this.#ending) {
      this.#deps.socket.destroy();
    } else if (this.#publication === undefined) {
      this.fail(new OriginError("handshake-timeout", "Publishing did not start in time."));
    } else {
      this.fail(new OriginError("idle-timeout", "No audio or video arrived for too long."));
    }
  }

  /** Tells the publisher why, if the connection has come that far, and closes. Idempotent. */
  fail(error: OriginError): void {
    if (this.#ending || this.#closed) return;
    this.#error = error;
    this.#protocol.sendError(statusCode(error.code), error.message);
    this.#end();
  }

  close(): void {
    this.fail(new OriginError("closed", "The server is shutting down."));
  }

  /** Closes without a farewell. */
  destroy(): void {
    this.#deps.socket.destroy();
  }

  // ------------------------------------------------------------------ RtmpProtocolHandler

  onOutput(bytes: Buffer): void {
    const { socket } = this.#deps;
    if (socket.writableEnded || socket.destroyed) return;
    socket.write(bytes);
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
  }

  onPublish(app: string, streamName: string): void {
    const target = parsePublishTarget(app, streamName);
    this.#opening = true;
    // Both outcomes are handled inside; nothing waits for it.
    void this.#open(target);
  }

  onPlay(): void {
    throw new OriginError("play-unsupported", "This server takes RTMP only from publishers; play over MoQ.");
  }

  onUnpublish(): void {
    this.#end();
  }

  onMedia(kind: RtmpMediaKind, timestampMs: number, payload: Uint8Array): void {
    if (this.#ending) return;
    if (this.#publication === undefined) {
      this.#keep(kind, timestampMs, payload);
      return;
    }
    this.#deadlineMs = this.#deps.clock.nowMs() + this.#options.idleTimeoutMs;
    const holdMs = this.#publication.onMedia(kind, timestampMs, payload);
    if (holdMs > 0) this.#hold(holdMs);
  }

  // ------------------------------------------------------------------ inside

  #onData(bytes: Buffer): void {
    this.#receivedBytes += bytes.length;
    if (this.#ending) return;
    try {
      this.#protocol.feed(bytes);
    } catch (cause) {
      this.#broken(cause);
    }
  }

  /** What parses the publisher's bytes has failed; any error is his and ends only his connection. */
  #broken(cause: unknown): void {
    this.fail(
      cause instanceof OriginError
        ? cause
        : new OriginError("bad-media", "The data is not valid.", { cause }),
    );
  }

  async #open(target: PublishTarget): Promise<void> {
    let publication: RtmpPublication;
    try {
      publication = await this.#deps.open(target, this);
    } catch (cause) {
      this.fail(
        cause instanceof OriginError
          ? cause
          : new OriginError("closed", "Publishing is not possible now.", { cause }),
      );
      return;
    }
    if (this.#ending || this.#closed) {
      publication.close();
      return;
    }
    this.#publication = publication;
    this.#deadlineMs = this.#deps.clock.nowMs() + this.#options.idleTimeoutMs;
    try {
      this.#protocol.grantPublish(target.path);
      const pending = this.#pending;
      this.#pending = [];
      for (const { kind, timestampMs, payload } of pending) this.onMedia(kind, timestampMs, payload);
    } catch (cause) {
      this.#broken(cause);
    }
  }

  /** Some senders don't wait for the answer to `publish`. */
  #keep(kind: RtmpMediaKind, timestampMs: number, payload: Uint8Array): void {
    if (!this.#opening) throw new OriginError("bad-command", "Media came before `publish`.");
    this.#pendingBytes += payload.length;
    if (this.#pendingBytes > this.#options.limits.maxPendingBytes) {
      throw new OriginError("buffer-full", "Too much media came before publishing was granted.");
    }
    this.#pending.push({ kind, timestampMs, payload: new Uint8Array(payload) });
  }

  #hold(holdMs: number): void {
    if (this.#holdTimer !== undefined) return;
    const { socket } = this.#deps;
    socket.pause();
    this.#holdTimer = setTimeout(
      () => {
        this.#holdTimer = undefined;
        socket.resume();
      },
      Math.min(holdMs, MAX_HOLD_MS),
    );
  }

  #end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#release();
    const { socket } = this.#deps;
    // Unread input would turn the close into a reset, and the publisher would not see the farewell.
    socket.resume();
    socket.end();
    this.#deadlineMs = this.#deps.clock.nowMs() + FAREWELL_MS;
  }

  #release(): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = undefined;
    this.#pending = [];
    const publication = this.#publication;
    this.#publication = undefined;
    publication?.close();
  }

  #onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#release();
    this.#deps.onClosed(this, this.#error);
  }
}

/** The `code` of the onStatus message: what encoders show or log. */
function statusCode(code: OriginErrorCode): string {
  switch (code) {
    case "broadcast-in-use":
    case "bad-path":
      return "NetStream.Publish.BadName";
    case "unauthorized":
    case "forbidden":
    case "token-expired":
      return "NetStream.Publish.Denied";
    case "play-unsupported":
      return "NetStream.Play.Failed";
    case "codec-unsupported":
      return "NetStream.Publish.Rejected";
    case "kicked":
    case "taken-over":
    case "closed":
      return "NetStream.Unpublish.Success";
    default:
      return "NetStream.Publish.Failed";
  }
}
