import { OriginNode, type OriginNodeOptions } from "@canopy/origin";
import { MoqSession } from "@canopy/protocol";
import { createAdmission } from "@canopy/relay/node";
import {
  createClock,
  createHttpServer,
  createMetrics,
  createSilentLogger,
  type HttpServer,
  type Metrics,
  type TokenVerifier,
} from "@canopy/runtime";

export interface StartOriginOptions extends Partial<OriginNodeOptions> {
  /** Undefined: everybody may do everything. */
  readonly verifier?: TokenVerifier;
}

/** An origin with HTTP API and RTMP on free ports, in this process. MoQ sessions are given to `node` by the test. */
export class TestOrigin implements AsyncDisposable {
  readonly node: OriginNode;
  readonly metrics: Metrics;
  readonly http: HttpServer;
  readonly api: string;

  private constructor(node: OriginNode, metrics: Metrics, http: HttpServer, port: number) {
    this.node = node;
    this.metrics = metrics;
    this.http = http;
    this.api = `http://127.0.0.1:${port}`;
  }

  static async start(options: StartOriginOptions = {}): Promise<TestOrigin> {
    const { verifier, ...nodeOptions } = options;
    const clock = createClock();
    const logger = createSilentLogger();
    const metrics = createMetrics({ processMetrics: false });
    const node = new OriginNode(
      { name: "origin", version: "0.0.0", rtmp: { port: 0 }, ...nodeOptions },
      {
        clock,
        logger,
        metrics,
        createMoq: ({ path, ...rest }, handler) =>
          new MoqSession(path === undefined ? rest : { ...rest, path }, handler),
      },
    );
    const http = await createHttpServer({ host: "127.0.0.1", port: 0 }, { logger, metrics, clock });
    const admission = createAdmission({ allowAnonymous: true }, { clock, verifier });
    await node.registerRoutes(http.app, admission);
    const { port } = await http.start();
    await node.start();
    return new TestOrigin(node, metrics, http, port);
  }

  get rtmp(): string {
    return `rtmp://127.0.0.1:${this.node.rtmp?.address.port ?? 0}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.close();
    await this.http.close();
  }
}
