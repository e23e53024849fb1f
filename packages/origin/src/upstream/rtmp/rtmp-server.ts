import { createServer, type Server, type Socket } from "node:net";
import { addressKey, type Clock, type Logger } from "@canopy/runtime";
import type { OriginError, OriginErrorCode } from "../../origin-error.ts";
import type { PublishTarget } from "./publish-target.ts";
import { RtmpConnection, type RtmpPublication } from "./rtmp-connection.ts";
import type { RtmpLimits } from "./rtmp-limits.ts";

export interface RtmpServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly limits: RtmpLimits;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly handshakeTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** What the server counts; called at most once per connection event and second. */
export interface RtmpServerCounters {
  /** A publisher was let in. */
  sessionOpened(): void;
  sessionRejected(reason: OriginErrorCode): void;
  receivedBytes(bytes: number): void;
}

/** A connection that wants to publish. */
export interface RtmpPublisher {
  readonly remoteAddress: string;
  /** The connection has ended, or is about to. */
  readonly closed: boolean;
  /** Ends the connection with the reason. */
  kick(error: OriginError): void;
}

export interface RtmpServerDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly counters: RtmpServerCounters;
  /** Checks the token and opens the broadcast. */
  open(target: PublishTarget, publisher: RtmpPublisher): Promise<RtmpPublication>;
}

const TICK_MS = 500;

/** Listens for RTMP publishers (OBS, ffmpeg). */
export class RtmpServer implements AsyncDisposable {
  readonly #options: RtmpServerOptions;
  readonly #deps: RtmpServerDeps;
  readonly #server: Server;
  readonly #connections = new Set<RtmpConnection>();
  readonly #countedBytes = new WeakMap<RtmpConnection, number>();
  readonly #perAddress = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RtmpServerOptions, deps: RtmpServerDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Resolves when listening; rejects if the port is taken. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#server.on("error", (error) => this.#deps.logger.warn({ error }, "rtmp listener error"));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** The bound address, with the real port. */
  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    if (address === null || typeof address === "string") return { host: this.#options.host, port: 0 };
    return { host: address.address, port: address.port };
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Tells all publishers, waits for them a moment, and stops listening. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const done = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.close();
    const force = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, TICK_MS);
    await done;
    clearTimeout(force);
    clearInterval(this.#timer);
  }

  #accept(socket: Socket): void {
    const address = addressKey(socket.remoteAddress ?? "");
    const fromAddress = this.#perAddress.get(address) ?? 0;
    if (
      this.#closing !== undefined ||
      this.#connections.size >= this.#options.maxConnections ||
      fromAddress >= this.#options.maxConnectionsPerAddress
    ) {
      this.#deps.counters.sessionRejected("too-many-sessions");
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    this.#perAddress.set(address, fromAddress + 1);
    const connection = new RtmpConnection(this.#options, {
      socket,
      clock: this.#deps.clock,
      open: async (target, opener) => {
        const publication = await this.#deps.open(target, {
          remoteAddress: opener.remoteAddress,
          get closed() {
            return opener.closed;
          },
          kick: (error) => opener.fail(error),
        });
        this.#deps.counters.sessionOpened();
        return publication;
      },
      onClosed: (closed, error) => this.#onClosed(closed, address, error),
    });
    this.#connections.add(connection);
  }

  #onClosed(connection: RtmpConnection, address: string, error: OriginError | undefined): void {
    this.#countBytes(connection);
    this.#connections.delete(connection);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
    if (error === undefined) return;
    this.#deps.counters.sessionRejected(error.code);
    this.#deps.logger.debug(
      { code: error.code, reason: error.message, cause: causeText(error), address },
      "rtmp connection ended with an error",
    );
  }

  #tick(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const connection of this.#connections) {
      this.#countBytes(connection);
      connection.checkDeadline(nowMs);
    }
  }

  #countBytes(connection: RtmpConnection): void {
    const counted = this.#countedBytes.get(connection) ?? 0;
    if (connection.receivedBytes === counted) return;
    this.#deps.counters.receivedBytes(connection.receivedBytes - counted);
    this.#countedBytes.set(connection, connection.receivedBytes);
  }
}

/** What a parser said; in the log only, since it may be a fault of ours. */
function causeText(error: OriginError): string | undefined {
  return error.cause instanceof Error ? String(error.cause) : undefined;
}
