import type { QuicConnection } from "../quic-connection.ts";
import type { RawSession } from "../raw-session.ts";
export async function connectWebTransportSession(
  _connection: QuicConnection,
  _options: unknown,
  _deps: unknown,
): Promise<RawSession> {
  throw new Error("no h3");
}
