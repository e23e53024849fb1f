import { createConnection, createServer, type Server, type Socket } from "node:net";
import type { Page } from "playwright-core";
import { throughProxy, UdpProxy } from "./udp-proxy.ts";

/** Loopback ports are taken by others at times. */
const PORT_ATTEMPTS = 20;

/**
 * A path to an edge whose UDP can be made bad, or cut, while TCP goes through untouched: one port for both, as the
 * edge has, and a second UDP port for its WebRTC.
 */
export class EdgePath implements AsyncDisposable {
  readonly udp: UdpProxy;
  readonly webrtc: UdpProxy;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(udp: UdpProxy, webrtc: UdpProxy, tcp: { server: Server; sockets: Set<Socket> }) {
    this.udp = udp;
    this.webrtc = webrtc;
    this.#server = tcp.server;
    this.#sockets = tcp.sockets;
  }

  /** `edge` as in `CanopyDev.edges`. */
  static async open(edge: string, seed: number): Promise<EdgePath> {
    const port = Number(new URL(edge).port);
    const host = "127.0.0.1";
    const webrtc = await UdpProxy.listen({ target: { host, port: port + 1_000 }, seed: seed + 1 });
    for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt += 1) {
      const udp = await UdpProxy.listen({ target: { host, port }, seed });
      const tcp = await forwardTcp(udp.port, port).catch(() => undefined);
      if (tcp !== undefined) return new EdgePath(udp, webrtc, tcp);
      await udp.close();
    }
    throw new Error("no port is free for TCP and UDP");
  }

  get src(): string {
    return `http://127.0.0.1:${this.udp.port}`;
  }

  /** From the next packet on nothing goes through but TCP. */
  cutUdp(): void {
    this.setUdp(1);
  }

  /** Share of UDP packets that are lost, each way. */
  setUdp(lossRate: number): void {
    for (const proxy of [this.udp, this.webrtc]) {
      proxy.setLink("toTarget", { lossRate });
      proxy.setLink("toClient", { lossRate });
    }
  }

  /** Lets this page's WebRTC find no way around the path. */
  async guide(page: Page): Promise<void> {
    await page.route("**/whep/**", async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      const response = await route.fetch();
      if (response.status() !== 201) return route.fulfill({ response });
      return route.fulfill({ response, body: throughProxy(await response.text(), this.webrtc) });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.udp.close();
    await this.webrtc.close();
  }
}

async function forwardTcp(port: number, target: number): Promise<{ server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ host: "127.0.0.1", port: target });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return { server, sockets };
}
