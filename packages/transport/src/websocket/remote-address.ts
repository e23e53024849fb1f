import type { Socket } from "node:net";

/** `ip:port`, with brackets around IPv6. */
export function remoteAddressOf(socket: Socket): string {
  const address = (socket.remoteAddress ?? "unknown").replace(/^::ffff:(?=\d+\.)/i, "");
  return `${address.includes(":") ? `[${address}]` : address}:${socket.remotePort ?? 0}`;
}
