import { ConnectError, connectFailsWebSocket, connectWebSocket } from "@canopy/transport/browser";
import { PlayerError } from "../../player-error.ts";
import { resolveHttpEdge } from "../edge-url.ts";
import { explainRefusal } from "../explain-refusal.ts";
import type { DialedSession, DialOptions } from "./dialed-session.ts";

/**
 * What is in the messages of a WebSocket: QMux, or the package `@fails-components/webtransport`, which a node takes where
 * it is told to, and TLS only.
 */
export type WebSocketMapping = "qmux" | "webtransport";

/** Opens a session over WebSocket to a node's TCP port. Throws `PlayerError`. */
export async function dialWebSocket(
  src: string,
  token: string | undefined,
  { fetch, protocols, signal }: DialOptions,
  mapping: WebSocketMapping = "qmux",
): Promise<DialedSession> {
  const edge = await resolveHttpEdge(src, token, { fetch, signal });
  const session = new URL(edge.sessionUrl);
  const url = new URL(session.pathname + session.search, edge.httpUrl);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  const startMs = performance.now();
  try {
    return {
      session: await (mapping === "qmux" ? connectWebSocket : connectFailsWebSocket)(url.href, {
        protocols,
        signal,
      }),
      timeBaseUrl: edge.httpUrl,
      handshakeMs: performance.now() - startMs,
    };
  } catch (cause) {
    if (!(cause instanceof ConnectError)) throw cause;
    const failure = new PlayerError("unreachable", `no WebSocket session to ${url.host}`, cause);
    if (cause.code !== "refused") throw failure;
    throw await explainRefusal(edge, failure, { fetch, signal });
  }
}
