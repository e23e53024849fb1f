import { DEFAULT_FAILS_LIMITS, type FailsLimits } from "../fails/fails-limits.ts";
import { FailsSession } from "../fails/fails-session.ts";
import type { PackageSession } from "../fails/package-session.ts";
import type { Session } from "../session.ts";
import { ConnectError } from "./connect-error.ts";
import { isWebSocketSupported } from "./connect-web-socket.ts";
import { loadPonyfill, type PonyfillClass, type PonyfillClient } from "./load-ponyfill.ts";

const CONNECT_TIMEOUT_MS = 10_000;

export interface ConnectFailsWebSocketOptions {
  /** Protocols inside, best first; the one in force is `Session.protocol`. */
  readonly protocols: readonly string[];
  readonly connectTimeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly limits?: Partial<FailsLimits>;
  /** Where the package's class comes from; a test outside a browser brings it. */
  readonly load?: () => Promise<PonyfillClass>;
}

let lastSessionId = 0;

/**
 * Opens a session of `@fails-components/webtransport`, WebTransport over WebSocket, to a `wss:` URL: the package knows no
 * other. Set its `handler` at once. Throws `ConnectError`.
 */
export async function connectFailsWebSocket(
  url: string,
  options: ConnectFailsWebSocketOptions,
): Promise<Session> {
  const { signal, load = loadPonyfill } = options;
  const target = new URL(url);
  if (!isWebSocketSupported() || target.protocol !== "wss:") throw new ConnectError("unsupported", url);
  const WebTransportPonyfill = await load();
  if (signal?.aborted === true) throw new ConnectError("aborted", url, signal.reason);
  const limits = { ...DEFAULT_FAILS_LIMITS, ...options.limits };
  lastSessionId += 1;
  const session = new FailsSession(
    {
      id: lastSessionId,
      kind: "websocket",
      protocol: "",
      path: target.pathname + target.search,
      remoteAddress: target.host,
      limits,
    },
    {
      nowMs: () => performance.now(),
      defer: (work) => queueMicrotask(work),
      later: (delayMs, work) => void setTimeout(work, delayMs),
      onClosed: () => {},
    },
  );
  return new Promise((resolve, reject) => {
    let client: PonyfillClient | undefined;
    let isSettled = false;
    const settle = (error?: ConnectError): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      if (error === undefined) {
        resolve(session);
        return;
      }
      session.onSocketClosed(error.message);
      client?.closeHookSession();
      reject(error);
    };
    const onAbort = (): void => settle(new ConnectError("aborted", url, signal?.reason));
    const timer = setTimeout(
      () => settle(new ConnectError("timeout", url)),
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    signal?.addEventListener("abort", onAbort);
    const onFailed = (cause: unknown): void => settle(new ConnectError("refused", url, cause));
    const onOpen = (native: PackageSession): void => {
      session.attach(native);
      // The subprotocol is told in the package's next step.
      queueMicrotask(() => settle());
    };
    class Connector extends WebTransportPonyfill {
      override createClient(init: object): { client: PonyfillClient; sessionint: unknown } {
        const { client: made } = super.createClient(init);
        client = made;
        return { client: made, sessionint: placeholder(onOpen, onFailed) };
      }
    }
    target.protocol = "https:";
    try {
      void new Connector(target.href, {
        protocols: [...options.protocols],
        initialStreamFlowControlWindow: limits.streamWindowBytes,
        streamFlowControlWindowSizeLimit: limits.streamWindowBytes,
        initialSessionFlowControlWindow: limits.sessionWindowBytes,
        sessionFlowControlWindowSizeLimit: limits.sessionWindowBytes,
        initialBidirectionalSendStreams: limits.maxIncomingStreams,
        initialUnidirectionalSendStreams: limits.maxIncomingStreams,
      });
    } catch (cause) {
      onFailed(cause);
    }
  });
}

/** Stands where the package has its session object until the session is there, which is ours from then on. */
function placeholder(onOpen: (native: PackageSession) => void, onFailed: (cause: unknown) => void): object {
  const never = new Promise<void>(() => {});
  return {
    ...{ ready: never, closed: never, draining: never },
    datagrams: undefined,
    incomingBidirectionalStreams: undefined,
    incomingUnidirectionalStreams: undefined,
    readyReject: onFailed,
    closedReject: onFailed,
    onClose: () => onFailed(new Error("closed while it was opened")),
    setSessionObj: onOpen,
  };
}
