import {
  DEFAULT_QMUX_LIMITS,
  offerSubprotocols,
  parseSubprotocol,
  QmuxError,
  QmuxSession,
  RecordWriter,
} from "../qmux/index.ts";
import type { Session } from "../session.ts";
import { BrowserMessageSocket } from "./browser-message-socket.ts";
import { ConnectError } from "./connect-error.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** The session's deadlines are counted in seconds. */
const TICK_MS = 1_000;

export interface ConnectWebSocketOptions {
  /** Protocols inside QMux, best first; the one in force is `Session.protocol`. */
  readonly protocols: readonly string[];
  readonly connectTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

let lastSessionId = 0;

/** Whether this browser has WebSocket; all do, but not every place where a script runs. */
export function isWebSocketSupported(): boolean {
  return typeof (globalThis as { WebSocket?: unknown }).WebSocket === "function";
}

/**
 * Opens a session to a `ws:` or `wss:` URL. Set its `handler` at once: streams that came earlier wait for it.
 * Throws `ConnectError`.
 */
export function connectWebSocket(url: string, options: ConnectWebSocketOptions): Promise<Session> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (!isWebSocketSupported()) throw new ConnectError("unsupported", url);
    if (signal?.aborted === true) throw new ConnectError("aborted", url, signal.reason);
    const webSocket = new WebSocket(url, offerSubprotocols(options.protocols));
    webSocket.binaryType = "arraybuffer";
    let session: QmuxSession | undefined;
    let ticks: ReturnType<typeof setInterval> | undefined;
    const settled = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const fail = (error: ConnectError): void => {
      settled();
      clearInterval(ticks);
      reject(error);
      webSocket.close();
    };
    const onAbort = (): void => fail(new ConnectError("aborted", url, signal?.reason));
    const timer = setTimeout(
      () => fail(new ConnectError("timeout", url)),
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    signal?.addEventListener("abort", onAbort);
    webSocket.onopen = () => {
      const chosen = parseSubprotocol(webSocket.protocol);
      if (chosen === undefined) {
        fail(new ConnectError("refused", url));
        return;
      }
      const opened = openSession(webSocket, url, chosen, () => {
        settled();
        resolve(opened);
      });
      session = opened;
      ticks = setInterval(() => opened.tick(), TICK_MS);
    };
    webSocket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer) session?.onMessage(new Uint8Array(data));
      else session?.fail(new QmuxError("protocol-violation", "a text message came"));
    };
    webSocket.onclose = ({ code }) => {
      clearInterval(ticks);
      session?.onSocketClosed(`the connection was closed (${code})`);
      // Browsers keep the reason of a refusal to themselves. After the session is open this settles nothing.
      fail(new ConnectError("refused", url));
    };
  });
}

function openSession(
  webSocket: WebSocket,
  url: string,
  chosen: NonNullable<ReturnType<typeof parseSubprotocol>>,
  onReady: () => void,
): QmuxSession {
  const { pathname, search, host } = new URL(url);
  lastSessionId += 1;
  let isScheduled = false;
  const flush = (): void => {
    isScheduled = false;
    session.flush();
  };
  const session: QmuxSession = new QmuxSession(
    {
      id: lastSessionId,
      role: "client",
      version: chosen.version,
      protocol: chosen.protocol,
      path: pathname + search,
      remoteAddress: host,
      limits: DEFAULT_QMUX_LIMITS,
    },
    {
      socket: new BrowserMessageSocket(webSocket, () => session.onSocketDrained()),
      writer: new RecordWriter(),
      nowMs: () => performance.now(),
      // What is written in one task leaves together at its end.
      scheduleFlush: () => {
        if (isScheduled) return;
        isScheduled = true;
        queueMicrotask(flush);
      },
      onReady,
    },
  );
  return session;
}
