import type { Logger, TrustedProxies } from "@canopy/runtime";
import type { SessionServerHandler } from "@canopy/transport";
import { listenHttp3, serveFailsWebSockets } from "@canopy/transport/fails";
import { listenQuic, type QuicLoop, type QuicServerLimits } from "@canopy/transport/quic";
import { serveWebSockets } from "@canopy/transport/websocket";
import type { NodeServerDeps, RenewableSessionServer } from "./node-server.ts";
import { type QuicSettings, quicTransport } from "./quic-settings.ts";

/** ALPN token of HTTP/3, over which WebTransport sessions come. */
const HTTP3 = "h3";
/** Above what the session gate lets in, so that a refused session hears why. */
const SPARE_SESSIONS = 64;
/** Of the rate from which the gate refuses, with an answer: from here on packets are dropped, at no cost. */
const DROPPED_ABOVE = 2;

/**
 * What speaks HTTP/3 on the UDP port: the built-in engine, or that of `@fails-components/webtransport` with its add-on,
 * which knows no raw QUIC.
 */
export type QuicEngine = "quiche" | "fails";

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
    /** Default: the built-in one. */
    readonly quicEngine?: QuicEngine;
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
    const limits: Partial<QuicServerLimits> = {
      maxSessions,
      maxSessionsPerAddress,
      ...(perSecond > 0 && {
        handshakesPerSecondPerAddress: perSecond * DROPPED_ABOVE,
        handshakeBurstPerAddress: perSecond * DROPPED_ABOVE * 2,
      }),
    };
    const packets: RenewableSessionServer =
      options.quicEngine === "fails"
        ? await listenHttp3({ host, port, tls, protocols, limits }, handler, deps)
        : await listenBuiltIn({ host, port, tls, protocols, limits, quic: options.quic }, handler, deps);
    const other =
      options.webTransportOverWebSocket === true
        ? serveFailsWebSockets({ protocols, clientOf }, handler)
        : undefined;
    const sockets = serveWebSockets({ protocols, clientOf }, handler, {
      server: httpServer,
      loop: deps.loop,
      other,
      onHandlerError: (error) =>
        deps.logger.warn({ err: error }, "a session handler failed; its session is closed"),
    });
    const close = async (): Promise<void> => {
      await sockets.close();
      await packets.close();
    };
    return {
      address: packets.address,
      get flushIntervalMs() {
        return packets.flushIntervalMs ?? 0;
      },
      droppedPackets: packets.droppedPackets ?? {},
      setCertificate: (next) => packets.setCertificate?.(next),
      drain: () => packets.drain?.(),
      close,
      [Symbol.asyncDispose]: close,
    };
  };
}

async function listenBuiltIn(
  options: {
    readonly host: string;
    readonly port: number;
    readonly tls: { readonly certPem: string; readonly keyPem: string };
    readonly protocols: readonly string[];
    readonly limits: Partial<QuicServerLimits>;
    readonly quic: QuicSettings | undefined;
  },
  handler: SessionServerHandler,
  deps: { readonly logger: Logger; readonly loop: QuicLoop },
): Promise<RenewableSessionServer> {
  const { host, port, tls, protocols, limits } = options;
  const quic = await listenQuic(
    { host, port, tls, alpn: [...protocols, HTTP3], transport: quicTransport(options.quic), limits },
    handler,
    deps,
  );
  const close = (): Promise<void> => quic.close();
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
}
