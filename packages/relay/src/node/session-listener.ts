import type { Logger, TrustedProxies } from "@canopy/runtime";
import { serveFailsWebSockets } from "@canopy/transport/fails";
import { listenQuic, type QuicLoop } from "@canopy/transport/quic";
import { serveWebSockets } from "@canopy/transport/websocket";
import type { NodeServerDeps } from "./node-server.ts";
import { type QuicSettings, quicTransport } from "./quic-settings.ts";

/** ALPN token of HTTP/3, over which WebTransport sessions come. */
const HTTP3 = "h3";
/** Above what the session gate lets in, so that a refused session hears why. */
const SPARE_SESSIONS = 64;
/** Of the rate from which the gate refuses, with an answer: from here on packets are dropped, at no cost. */
const DROPPED_ABOVE = 2;

/**
 * Takes raw QUIC and WebTransport sessions on one UDP port, and the same sessions over WebSocket on the HTTP server
 * of the same number. All of them are flushed by one loop.
 */
export function createSessionListener(
  options: {
    readonly protocols: readonly string[];
    readonly maxSessions: number;
    readonly maxSessionsPerAddress?: number;
    readonly handshakesPerSecondPerAddress?: number | undefined;
    /** Requests for WebSockets through these are counted by whom they forward. */
    readonly trustedProxies?: TrustedProxies | undefined;
    readonly quic?: QuicSettings;
    /** Beside QMux, WebSockets may carry sessions of `@fails-components/webtransport`. */
    readonly webTransportOverWebSocket?: boolean;
  },
  deps: { readonly logger: Logger; readonly loop: QuicLoop },
): NodeServerDeps["listenSessions"] {
  const maxSessions = options.maxSessions + SPARE_SESSIONS;
  const maxSessionsPerAddress = (options.maxSessionsPerAddress ?? options.maxSessions) + SPARE_SESSIONS;
  const { protocols, trustedProxies, handshakesPerSecondPerAddress: perSecond = 0 } = options;
  const clientOf =
    trustedProxies &&
    ((address: string, forwardedFor: string | undefined) => trustedProxies.clientOf(address, forwardedFor));
  return async ({ host, port, tls, httpServer }, handler) => {
    const quic = await listenQuic(
      {
        host,
        port,
        tls,
        alpn: [...protocols, HTTP3],
        transport: quicTransport(options.quic),
        limits: {
          maxSessions,
          maxSessionsPerAddress,
          ...(perSecond > 0 && {
            handshakesPerSecondPerAddress: perSecond * DROPPED_ABOVE,
            handshakeBurstPerAddress: perSecond * DROPPED_ABOVE * 2,
          }),
        },
      },
      handler,
      deps,
    );
    const other =
      options.webTransportOverWebSocket === true
        ? serveFailsWebSockets({ protocols, clientOf }, handler)
        : undefined;
    const sockets = serveWebSockets({ protocols, clientOf }, handler, {
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
      droppedPackets: quic.counters.packetsDropped,
      setCertificate: (next) => quic.setCertificate(next),
      drain: () => quic.drain(),
      close,
      [Symbol.asyncDispose]: close,
    };
  };
}
