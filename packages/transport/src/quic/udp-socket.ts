import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { QuicError } from "./quic-error.ts";

/** Skips the resolver: every address we send to is a literal that came from a packet or was resolved before. */
function literalLookup(
  host: string,
  family: number,
  callback: (error: Error | null, address: string, family: number) => void,
): void {
  callback(null, host, family);
}

export interface UdpSocketOptions {
  readonly host: string;
  readonly port: number;
  readonly bufferBytes: number;
}

/** A bound UDP socket. Rejects with `socket-failed`, for instance if the port is taken. */
export async function bindUdpSocket(options: UdpSocketOptions): Promise<Socket> {
  const type = isIPv6(options.host) ? "udp6" : "udp4";
  const socket = createSocket({ type, lookup: literalLookup as never });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: options.host, port: options.port, exclusive: true }, () => {
        socket.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    socket.close();
    const message = `cannot listen on UDP ${options.host} port ${options.port}`;
    throw new QuicError("socket-failed", message, { cause });
  }
  growBuffers(socket, options.bufferBytes);
  return socket;
}

/** Connects the socket to one peer, so that "port unreachable" becomes visible as an error. */
export async function connectUdpSocket(socket: Socket, address: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.connect(port, address, () => {
        socket.off("error", reject);
        resolve();
      });
    });
  } catch (cause) {
    socket.close();
    throw new QuicError("socket-failed", `cannot reach UDP ${address} port ${port}`, { cause });
  }
}

function growBuffers(socket: Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes);
    socket.setSendBufferSize(bytes);
  } catch {
    // The kernel's own sizes serve as well, only with more loss in bursts.
  }
}
