import type { Session } from "../session.ts";
import { BrowserSession, type BrowserTransport } from "./browser-session.ts";
import { ConnectError } from "./connect-error.ts";

/** Long enough for a handshake with Retry and one lost packet on a bad mobile network. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface ConnectWebTransportOptions {
  /** Subprotocols, best first; the one in force is `Session.protocol`. */
  readonly protocols?: readonly string[];
  /** SHA-256 of certificates to trust instead of the browser's roots (ECDSA, valid at most 14 days). */
  readonly serverCertificateHashes?: readonly WebTransportHash[];
  readonly connectTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Whether this browser has WebTransport. */
export function isWebTransportSupported(): boolean {
  return typeof (globalThis as { WebTransport?: unknown }).WebTransport === "function";
}

/**
 * Opens a session to an `https:` URL. Set its `handler` at once: streams that came earlier wait for it.
 * Throws `ConnectError`.
 */
export async function connectWebTransport(
  url: string,
  options: ConnectWebTransportOptions = {},
): Promise<Session> {
  if (!isWebTransportSupported()) throw new ConnectError("unsupported", url);
  if (options.signal?.aborted === true) throw new ConnectError("aborted", url, options.signal.reason);
  const init: WebTransportOptions = { congestionControl: "low-latency" };
  if (options.protocols !== undefined) init.protocols = [...options.protocols];
  if (options.serverCertificateHashes !== undefined) {
    init.serverCertificateHashes = [...options.serverCertificateHashes];
  }
  let transport: BrowserTransport;
  try {
    transport = new WebTransport(url, init);
  } catch (cause) {
    throw new ConnectError("refused", url, cause);
  }
  // Both promises reject when the handshake fails; `ready` is the one that is looked at.
  transport.closed.catch(() => {});
  await untilReady(transport, url, options);
  return new BrowserSession(transport, { url: new URL(url), kind: "webtransport" });
}

function untilReady(
  transport: BrowserTransport,
  url: string,
  options: ConnectWebTransportOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const settle = (error?: ConnectError): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      if (error === undefined) {
        resolve();
        return;
      }
      reject(error);
      try {
        transport.close();
      } catch {
        // Closing before the handshake has ended throws in some browsers; it is over either way.
      }
    };
    const onAbort = (): void => settle(new ConnectError("aborted", url, signal?.reason));
    const timer = setTimeout(
      () => settle(new ConnectError("timeout", url)),
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    signal?.addEventListener("abort", onAbort);
    transport.ready.then(
      () => settle(),
      (cause: unknown) => settle(new ConnectError("refused", url, cause)),
    );
  });
}
