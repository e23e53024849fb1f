import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** Address of whoever is behind a connection's other end, given what `X-Forwarded-For` says. */
export type ClientOf = (address: string, forwardedFor: string | undefined) => string;

/** `ip:port`, with brackets around IPv6. Without `clientOf` it is the connection's other end. */
export function remoteAddressOf(
  socket: Socket,
  request: Pick<IncomingMessage, "headers">,
  clientOf: ClientOf | undefined,
): string {
  const peer = (socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/i, "");
  const forwardedFor = request.headers["x-forwarded-for"];
  const header = Array.isArray(forwardedFor) ? forwardedFor.join(",") : forwardedFor;
  const address = clientOf?.(peer, header) ?? peer;
  return `${address.includes(":") ? `[${address}]` : address}:${socket.remotePort ?? 0}`;
}
