import { WebSocket } from "ws";
import {
  DEFAULT_QMUX_LIMITS,
  type MessageSocket,
  offerSubprotocols,
  parseSubprotocol,
  QmuxError,
  type QmuxLimits,
  QmuxSession,
  RecordWriter,
} from "../qmux/index.ts";
import { QuicLoop } from "../quic/quic-loop.ts";
import type { Session } from "../session.ts";
import { LoopFlush, plainBytes } from "./loop-flush.ts";
import { WebSocketError } from "./web-socket-error.ts";

export interface ConnectWebSocketOptions {
  /** `ws:` or `wss:`, with the token in its query. */
  readonly url: string;
  /** Protocols inside, best first. */
  readonly protocols: readonly string[];
  /** Or the subprotocols themselves. */
  readonly subprotocols?: readonly string[];
  /** PEM of certificates to trust beside the system's; "insecure" takes any. */
  readonly trust?: { readonly ca: string } | "insecure";
  readonly connectTimeoutMs?: number;
  readonly limits?: Partial<QmuxLimits>;
}

export interface ConnectWebSocketDeps {
  /** Shared by the sessions of a process. */
  readonly loop?: QuicLoop;
  readonly writer?: RecordWriter;
  readonly signal?: AbortSignal;
}

const CONNECT_TIMEOUT_MS = 10_000;
const TICK_MS = 1_000;
let nextId = 1;

/** Opens a session from Node. Set its `handler` at once. Throws `WebSocketError`. */
export function connectWebSocket(
  options: ConnectWebSocketOptions,
  deps: ConnectWebSocketDeps = {},
): Promise<Session> {
  const { signal } = deps;
  const limits = { ...DEFAULT_QMUX_LIMITS, ...options.limits };
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(
      options.url,
      [...(options.subprotocols ?? offerSubprotocols(options.protocols))],
      {
        perMessageDeflate: false,
        maxPayload: limits.maxRecordBytes,
        rejectUnauthorized: options.trust !== "insecure",
        ...(typeof options.trust === "object" ? { ca: options.trust.ca } : {}),
      },
    );
    let session: QmuxSession | undefined;
    let ticks: NodeJS.Timeout | undefined;
    const fail = (error: WebSocketError): void => {
      clearTimeout(timer);
      clearInterval(ticks);
      signal?.removeEventListener("abort", onAbort);
      reject(error);
      webSocket.terminate();
    };
    const onAbort = (): void => fail(new WebSocketError("aborted", "aborted", { cause: signal?.reason }));
    const timer = setTimeout(
      () => fail(new WebSocketError("handshake-timeout", `${options.url} does not answer`)),
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    signal?.addEventListener("abort", onAbort);
    webSocket.on("open", () => {
      const chosen = parseSubprotocol(webSocket.protocol);
      if (chosen === undefined) {
        fail(new WebSocketError("session-rejected", "the server speaks no QMux"));
        return;
      }
      const { pathname, search, host } = new URL(options.url);
      const flush = new LoopFlush(deps.loop ?? new QuicLoop({ flush: 0 }), () => opened.flush());
      const opened: QmuxSession = new QmuxSession(
        {
          id: -nextId,
          role: "client",
          ...chosen,
          path: pathname + search,
          remoteAddress: host,
          limits,
        },
        {
          socket: new ClientSocket(webSocket, () => opened.onSocketDrained()),
          writer: deps.writer ?? new RecordWriter(),
          nowMs: () => performance.now(),
          scheduleFlush: flush.schedule,
          onReady: () => {
            clearTimeout(timer);
            signal?.removeEventListener("abort", onAbort);
            resolve(opened);
          },
        },
      );
      nextId += 1;
      session = opened;
      ticks = setInterval(() => opened.tick(), TICK_MS);
    });
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      if (isBinary) session?.onMessage(plainBytes(data));
      else session?.fail(new QmuxError("protocol-violation", "a text message came"));
    });
    webSocket.on("pong", () => session?.onSignOfLife());
    webSocket.on("unexpected-response", (_request, response) => {
      const status = response.statusCode ?? 0;
      fail(new WebSocketError("session-rejected", `the server answers ${status}`, { status }));
    });
    webSocket.on("error", (cause) => {
      session?.onSocketClosed(cause.message);
      fail(new WebSocketError("connection-refused", cause.message, { cause }));
    });
    webSocket.on("close", () => {
      clearInterval(ticks);
      session?.onSocketClosed("the connection was closed");
      fail(new WebSocketError("connection-refused", "the connection was closed"));
    });
  });
}

/** A client's messages are masked, so `ws` writes them. */
class ClientSocket implements MessageSocket {
  readonly headroomBytes = 0;
  readonly drainBytes = 0;
  readonly #webSocket: WebSocket;
  readonly #onSent: () => void;

  constructor(webSocket: WebSocket, onSent: () => void) {
    this.#webSocket = webSocket;
    this.#onSent = onSent;
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  cork(): void {
    // Each record is one write already.
  }

  uncork(): void {
    // See `cork`.
  }

  send(pieces: readonly Uint8Array[], recordBytes: number): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#webSocket.send(Buffer.concat(pieces, recordBytes), { binary: true }, this.#onSent);
  }

  ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  close(status: number, reason: string): void {
    this.#webSocket.close(status, reason);
  }
}
