import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** Start of the range that tests use: above the product's own ports, below the kernel's ephemeral range. */
const FIRST_PORT = 20_000;
/** A node's WebRTC port is this far above its own. */
const WEBRTC_OFFSET = 1_000;
/** Files that run beside each other take ports from ranges of their own: what is free when it is looked at stays free. */
const RANGES = 6;
const range = Number(process.env.VITEST_POOL_ID ?? 0) % RANGES;
const ATTEMPTS = 200;
/** What this process was given, or is being given: whoever asked first may not listen yet. */
const given = new Set<number>();

function tcpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function udpIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => resolve(false));
    socket.bind(port, "127.0.0.1", () => socket.close(() => resolve(true)));
  });
}

/** The first of `count` consecutive ports that are free for TCP and UDP on loopback, and 1,000 above for UDP. */
export async function findFreePorts(count: number): Promise<number> {
  const start = FIRST_PORT + range * 2 * WEBRTC_OFFSET;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = start + Math.floor(Math.random() * (WEBRTC_OFFSET - count));
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.some((port) => given.has(port))) continue;
    for (const port of ports) given.add(port);
    let free = true;
    for (let port = first; free && port < first + count; port++) {
      free = (await tcpIsFree(port)) && (await udpIsFree(port)) && (await udpIsFree(port + WEBRTC_OFFSET));
    }
    if (free) return first;
    for (const port of ports) given.delete(port);
  }
  throw new Error(`found no ${count} consecutive free ports between ${start} and ${start + WEBRTC_OFFSET}`);
}
