import { createServer, type Server } from "node:http";
import { encodeCatalog } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { encodeTimedMessage, type TimedMessage } from "@canopy/media/timed";
import { RelayNode } from "@canopy/relay";
import { createDevelopmentCertificate, listenQuic, type QuicServer } from "@canopy/transport/quic";
import { findFreePorts } from "../../harness/free-ports.ts";
import type { ClipFrames } from "./clip-frames.ts";
import { LiveClip } from "./live-clip.ts";

const PUMP_MS = 5;
const INFO = { priority: 60, ordered: false, maxLatencyMs: 5_000, timescale: 1_000_000 };

export const TEST_BROADCAST = "live/test";

/** A relay node with WebTransport and the HTTP endpoints that a player asks, and a clip published into its store. */
export class RelayEdge implements AsyncDisposable {
  readonly url: string;
  readonly node: RelayNode;
  readonly #server: QuicServer;
  readonly #http: Server;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #live: LiveClip;
  #broadcast: ReturnType<RelayNode["store"]["publish"]> | undefined;
  #groups: { video: Group | undefined; audio: Group | undefined } = { video: undefined, audio: undefined };
  #audioFrames = 0;

  private constructor(node: RelayNode, server: QuicServer, http: Server, clip: ClipFrames) {
    this.node = node;
    this.#server = server;
    this.#http = http;
    this.url = `http://127.0.0.1:${server.address.port}`;
    this.#live = new LiveClip(clip, Date.now() * 1000 - 1_300_000);
    this.#timer = setInterval(() => this.#pump(), PUMP_MS);
  }

  static async start(clip: ClipFrames): Promise<RelayEdge> {
    const certificate = await createDevelopmentCertificate(["127.0.0.1"]);
    const node = new RelayNode({ name: "edge" }, {});
    // One number for UDP and TCP.
    const port = await findFreePorts(1);
    const server = await listenQuic(
      { host: "127.0.0.1", port, tls: certificate, alpn: ["h3", "moq-lite-05"] },
      {
        onRequest: (request) => ({ accept: true, protocol: request.protocols[0] ?? "" }),
        onSession: (session) => {
          node.acceptSession(session, { root: "", put: [], get: [""] });
        },
      },
      { logger: { debug: () => {}, warn: () => {} } },
    );
    const http = createServer((request, response) => {
      response.setHeader("access-control-allow-origin", "*");
      if (request.url === "/certificate.sha256") response.end(certificate.sha256Hex);
      else if (request.url === "/v1/time") {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ unixMicros: Date.now() * 1000 }));
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve, reject) => {
      http.once("error", reject);
      http.listen(port, "127.0.0.1", resolve);
    });
    node.start();
    const edge = new RelayEdge(node, server, http, clip);
    edge.publish();
    return edge;
  }

  publish(): void {
    this.#broadcast = this.node.store.publish(TEST_BROADCAST);
    const catalog = this.#broadcast.createTrack("catalog.json", { ...INFO, priority: 100 });
    const group = catalog.openGroup();
    group.append(Date.now() * 1000, encodeCatalog(this.#live.catalog));
    group.finish();
    this.#broadcast.createTrack("video", INFO);
    this.#broadcast.createTrack("audio", { ...INFO, priority: 80 });
    this.#broadcast.createTrack("timed", { ...INFO, priority: 90 });
    this.#groups = { video: undefined, audio: undefined };
  }

  unpublish(): void {
    this.#broadcast?.end();
    this.#broadcast = undefined;
  }

  sendTimed(message: TimedMessage): void {
    const group = this.#broadcast?.track("timed")?.openGroup();
    group?.append(message.at, encodeTimedMessage(message));
    group?.finish();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
    await this.node.close();
    await this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #pump(): void {
    for (const frame of this.#live.take(Date.now() * 1000)) {
      const { kind, isKey, timestampUs, payload } = frame;
      if (kind === "audio") this.#audioFrames += 1;
      if (isKey && (kind === "video" || this.#groups.audio === undefined || this.#audioFrames % 24 === 0)) {
        this.#groups[kind]?.finish();
        this.#groups[kind] = this.#broadcast?.track(kind)?.openGroup();
      }
      this.#groups[kind]?.append(timestampUs, encodeLegacyFrame(timestampUs, payload));
    }
  }
}

interface Group {
  append(timestampUs: number, payload: Uint8Array): boolean;
  finish(): void;
}
