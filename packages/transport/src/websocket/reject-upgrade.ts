import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** Answers a request for a WebSocket with an HTTP error (RFC 9457) and closes the connection. */
export function rejectUpgrade(socket: Duplex, status: number, detail: string): void {
  if (socket.destroyed) return;
  const title = STATUS_CODES[status] ?? "Error";
  const body = JSON.stringify({ type: "about:blank", status, title, detail });
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    "connection: close",
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    "access-control-allow-origin: *",
    ...(status === 401 ? ["www-authenticate: Bearer"] : []),
    ...(status === 426 ? ["upgrade: websocket"] : []),
  ];
  socket.once("finish", () => socket.destroy());
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
