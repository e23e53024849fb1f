import { createServer, type Server } from "node:http";
import { type Catalog, parseCatalog } from "@canopy/media/catalog";
import { decodeLegacyFrame } from "@canopy/media/container";
import { framePayload } from "@canopy/protocol";
import { RelayNode } from "@canopy/relay";
import type { SessionServerHandler } from "@canopy/transport";
import { createDevelopmentCertificate, listenQuic, QuicLoop, type QuicServer } from "@canopy/transport/quic";
import { serveWebSockets, type WebSocketSessions } from "@canopy/transport/websocket";
import { findFreePorts } from "../../harness/free-ports.ts";

export interface ReceivedFrame {
  readonly group: number;
  /** Index in its group. */
  readonly index: number;
  readonly timestampUs: number;
  /** On the same clock as `timestampUs`. */
  readonly arrivalUs: number;
  readonly payload: Uint8Array;
}

export interface PublishOriginOptions {
  readonly port?: number;
  readonly certificate?: Awaited<ReturnType<typeof createDevelopmentCertificate>>;
  /** What `/v1/time` adds to this machine's clock. */
  readonly clockAheadUs?: number;
}

/** Takes publishers over WebTransport and WebSocket into a store: the part of an origin that a publishing browser meets. */
export class PublishOrigin implements AsyncDisposable {
  readonly node: RelayNode;
  readonly certificate: Awaited<ReturnType<typeof createDevelopmentCertificate>>;
  readonly #server: QuicServer;
  readonly #sockets: WebSocketSessions;
  readonly #http: Server;

  private constructor(
    node: RelayNode,
    certificate: PublishOrigin["certificate"],
    server: QuicServer,
    sockets: WebSocketSessions,
    http: Server,
  ) {
    this.node = node;
    this.certificate = certificate;
    this.#server = server;
    this.#sockets = sockets;
    this.#http = http;
  }

  static async start(options: PublishOriginOptions = {}): Promise<PublishOrigin> {
    const certificate = options.certificate ?? (await createDevelopmentCertificate(["127.0.0.1"]));
    const node = new RelayNode({ name: "origin", store: { lingerMs: 5_000 }, acceptPublishers: true }, {});
    const handler: SessionServerHandler = {
      onRequest: (request) => ({ accept: true, protocol: request.protocols[0] ?? "" }),
      onSession: (session) => node.acceptSession(session, { root: "", put: [""], get: [""] }),
    };
    const loop = new QuicLoop();
    const server = await listenQuic(
      {
        host: "127.0.0.1",
        port: options.port ?? (await findFreePorts(1)),
        tls: certificate,
        alpn: ["h3", "moq-lite-05"],
      },
      handler,
      { logger: { debug: () => {}, warn: () => {} }, loop },
    );
    const http = createServer((request, response) => {
      response.setHeader("access-control-allow-origin", "*");
      if (request.url === "/certificate.sha256") response.end(certificate.sha256Hex);
      else if (request.url === "/v1/time") {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ unixMicros: Date.now() * 1000 + (options.clockAheadUs ?? 0) }));
      } else response.writeHead(404).end();
    });
    const sockets = serveWebSockets({ protocols: ["moq-lite-05"] }, handler, { server: http, loop });
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(server.address.port, "127.0.0.1", resolve);
    });
    node.start();
    return new PublishOrigin(node, certificate, server, sockets, http);
  }

  get port(): number {
    return this.#server.address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  isLive(path: string): boolean {
    const broadcast = this.node.store.get(path);
    return broadcast !== undefined && !broadcast.lingering;
  }

  /** Asks for a track and keeps its frames as they come. */
  receive(path: string, track: string): ReceivedFrame[] {
    const frames: ReceivedFrame[] = [];
    let index = 0;
    this.node.store
      .get(path)
      ?.request(track)
      ?.subscribe({
        onGroup: () => {
          index = 0;
        },
        onFrame: (frame, group) => {
          const arrivalUs = Date.now() * 1000;
          const payload = Uint8Array.from(framePayload(frame));
          const { timestamp: timestampUs } = frame;
          frames.push({ group: group.sequence, index: index++, timestampUs, arrivalUs, payload });
        },
        onClosed: () => {},
      });
    return frames;
  }

  static catalogOf(frame: ReceivedFrame | undefined): Catalog | undefined {
    return frame && parseCatalog(frame.payload);
  }

  /** The codec's bytes; checks that the container and the frame tell the same time. */
  static codecBytes(frame: ReceivedFrame): Uint8Array {
    const { timestampUs, payload } = decodeLegacyFrame(frame.payload);
    if (timestampUs !== frame.timestampUs)
      throw new Error(`${timestampUs} in the container of ${frame.timestampUs}`);
    return payload;
  }

  async close(): Promise<void> {
    await this.#sockets.close();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
    await this.node.close();
    await this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
