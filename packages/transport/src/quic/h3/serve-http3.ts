import type { QuicConnection } from "../quic-connection.ts";
export function serveHttp3(connection: QuicConnection, _deps: unknown): void {
  connection.closeTransport("no h3");
}
