import { OriginNode, type OriginNodeOptions } from "@canopy/origin";
import { MoqSession } from "@canopy/protocol";
import { createAdmission, describeApi, SessionGate } from "@canopy/relay/node";
import {
  createClock,
  createHttpServer,
  createMetrics,
  createSilentLogger,
  type HttpServer,
  type Metrics,
  type TokenVerifier,
} from "@canopy/runtime";
import { openWebRtcEngine, type WebRtcEngine, type WebRtcLimits } from "@canopy/transport/webrtc";

export interface StartOriginOptions extends Partial<OriginNodeOptions> {
  /** Undefined: everybody may do everything. */
  readonly verifier?: TokenVerifier;
  /** With a verifier: whether those without a token may watch; if not told, they may. */
  readonly allowAnonymous?: boolean;
  /** With WHIP; the engine's limits. */
  readonly webrtc?: Partial<WebRtcLimits>;
}

/** An origin with HTTP API, RTMP and, if asked for, WHIP on free ports, in this process. MoQ sessions are given to `node` by the test. */
export class TestOrigin implements AsyncDisposable {
  readonly node: OriginNode;
  readonly metrics: Metrics;
  readonly http: HttpServer;
  readonly api: string;
  readonly webrtc: WebRtcEngine | undefined;
  readonly #gate: SessionGate;
  readonly #owned: AsyncDisposable[] = [];

  private constructor(
    parts: {
      readonly node: OriginNode;
      readonly metrics: Metrics;
      readonly http: HttpServer;
      readonly webrtc: WebRtcEngine | undefined;
      readonly gate: SessionGate;
    },
    port: number,
  ) {
    this.node = parts.node;
    this.metrics = parts.metrics;
    this.http = parts.http;
    this.webrtc = parts.webrtc;
    this.#gate = parts.gate;
    this.api = `http://127.0.0.1:${port}`;
  }

  static async start(options: StartOriginOptions = {}): Promise<TestOrigin> {
    const { verifier, allowAnonymous = true, webrtc: webrtcLimits, ...nodeOptions } = options;
    const clock = createClock();
    const logger = createSilentLogger();
    const metrics = createMetrics({ processMetrics: false });
    const webrtc =
      webrtcLimits &&
      (await openWebRtcEngine({ host: "127.0.0.1", port: 0, limits: webrtcLimits }, { logger }));
    const node = new OriginNode(
      { name: "origin", version: "0.0.0", rtmp: { port: 0 }, ...nodeOptions },
      {
        clock,
        logger,
        metrics,
        webrtc,
        createMoq: ({ path, ...rest }, handler) =>
          new MoqSession(path === undefined ? rest : { ...rest, path }, handler),
      },
    );
    const http = await createHttpServer(
      { host: "127.0.0.1", port: 0 },
      { logger, metrics, clock, beforeRoutes: (app) => describeApi(app, node.api) },
    );
    const admission = createAdmission({ allowAnonymous }, { clock, verifier });
    const limits = { protocols: [], maxSessions: 1_000, maxSessionsPerAddress: 1_000 };
    const gate = new SessionGate(limits, { admission, clock, logger, metrics });
    await node.registerRoutes(http.app, admission, gate);
    const { port } = await http.start();
    await node.start();
    return new TestOrigin({ node, metrics, http, webrtc, gate }, port);
  }

  get rtmp(): string {
    return `rtmp://127.0.0.1:${this.node.rtmp?.address.port ?? 0}`;
  }

  /** Something that is closed with the origin, before it. */
  own<T extends AsyncDisposable>(resource: T): T {
    this.#owned.push(resource);
    return resource;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const resource of this.#owned.splice(0).reverse()) await resource[Symbol.asyncDispose]();
    await this.node.close();
    await this.http.close();
    this.#gate.close();
    await this.webrtc?.close();
  }
}
