import type { Logger } from "@canopy/runtime";
import { listenQuic, type QuicLoop } from "@canopy/transport/quic";
import type { NodeServerDeps } from "./node-server.ts";
import { type QuicSettings, quicTransport } from "./quic-settings.ts";

/** ALPN token of HTTP/3, over which WebTransport sessions come. */
const HTTP3 = "h3";
/** Above what the session gate lets in, so that a refused session hears why. */
const SPARE_SESSIONS = 64;

/** Listens for raw QUIC and WebTransport sessions on one UDP port. */
export function createQuicListener(
  options: {
    readonly protocols: readonly string[];
    readonly maxSessions: number;
    readonly quic?: QuicSettings;
  },
  deps: { readonly logger: Logger; readonly loop: QuicLoop },
): NodeServerDeps["listenSessions"] {
  const maxSessions = options.maxSessions + SPARE_SESSIONS;
  return ({ host, port, tls }, handler) =>
    listenQuic(
      {
        host,
        port,
        tls,
        alpn: [...options.protocols, HTTP3],
        transport: quicTransport(options.quic),
        limits: { maxSessions, maxSessionsPerAddress: maxSessions },
      },
      handler,
      deps,
    );
}
