import type { Logger } from "@canopy/runtime";
import { serveFailsWebSockets } from "@canopy/transport/fails";
import { listenQuic, type QuicLoop } from "@canopy/transport/quic";
import { serveWebSockets } from "@canopy/transport/websocket";
import type { NodeServerDeps } from "./node-server.ts";
import { type QuicSettings, quicTransport } from "./quic-settings.ts";

/** ALPN token of HTTP/3, over which WebTransport sessions come. */
const HTTP3 = "h3";
/** Above what the session gate lets in, so that a refused session hears why. */
const SPARE_SESSIONS = 64;

/**
 * Takes raw QUIC and WebTransport sessions on one UDP port, and the same sessions over WebSocket on the HTTP server
 * of the same number. All of them are flushed by one loop.
 */
export function createSessionListener(
  options: {
    readonly protocols: readonly string[];
    readonly maxSessions: number;
    readonly quic?: QuicSettings;
    /** Beside QMux, WebSockets may carry sessions of `@fails-components/webtransport`. */
    readonly webTransportOverWebSocket?: boolean;
  },
  deps: { readonly logger: Logger; readonly loop: QuicLoop },
): NodeServerDeps["listenSessions"] {
  const maxSessions = options.maxSessions + SPARE_SESSIONS;
  const { protocols } = options;
  return async ({ host, port, tls, httpServer }, handler) => {
    const quic = await listenQuic(
      {
        host,
        port,
        tls,
        alpn: [...protocols, HTTP3],
        transport: quicTransport(options.quic),
        limits: { maxSessions, maxSessionsPerAddress: maxSessions },
      },
      handler,
      deps,
    );
    const other =
      options.webTransportOverWebSocket === true ? serveFailsWebSockets({ protocols }, handler) : undefined;
    const sockets = serveWebSockets({ protocols }, handler, {
      server: httpServer,
      loop: deps.loop,
      other,
    });
    const close = async (): Promise<void> => {
      await sockets.close();
      await quic.close();
    };
    return {
      address: quic.address,
      get flushIntervalMs() {
        return quic.flushIntervalMs;
      },
      setCertificate: (next) => quic.setCertificate(next),
      drain: () => quic.drain(),
      close,
      [Symbol.asyncDispose]: close,
    };
  };
}
