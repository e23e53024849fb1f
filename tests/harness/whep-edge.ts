import { EdgeNode, type EdgeNodeOptions } from "@canopy/edge";
import {
  createClock,
  createMetrics,
  createSilentLogger,
  type Metrics,
  type TokenVerifier,
} from "@canopy/runtime";
import { openWebRtcEngine, type WebRtcEngine, type WebRtcLimits } from "@canopy/transport/webrtc";
import { edgeOptions } from "./edge-options.ts";

export interface WhepEdgeOptions extends Partial<EdgeNodeOptions> {
  readonly webrtcLimits?: Partial<WebRtcLimits>;
  readonly verifier?: TokenVerifier;
}

/** An edge on free ports in this process; broadcasts are written into its store by the test or come from a parent. */
export class WhepEdge implements AsyncDisposable {
  readonly node: EdgeNode;
  readonly engine: WebRtcEngine;
  readonly metrics: Metrics;

  private constructor(node: EdgeNode, engine: WebRtcEngine, metrics: Metrics) {
    this.node = node;
    this.engine = engine;
    this.metrics = metrics;
  }

  static async start(options: WhepEdgeOptions = {}): Promise<WhepEdge> {
    const { webrtcLimits, verifier, ...nodeOptions } = options;
    const logger = createSilentLogger();
    const metrics = createMetrics({ processMetrics: false });
    const engine = await openWebRtcEngine(
      { host: "127.0.0.1", port: 0, ...(webrtcLimits === undefined ? {} : { limits: webrtcLimits }) },
      { logger },
    );
    const node = await EdgeNode.open(edgeOptions(verifier, nodeOptions), {
      logger,
      metrics,
      clock: createClock(),
      verifier,
      webrtc: engine,
    });
    return new WhepEdge(node, engine, metrics);
  }

  url(broadcast: string): string {
    return `http://127.0.0.1:${this.node.port}/whep/${broadcast}`;
  }

  async metric(name: string, label = ""): Promise<number> {
    const text = await this.metrics.expose();
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${name}${label} `));
    return Number(line?.split(" ").at(-1) ?? Number.NaN);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.close();
    await this.engine.close();
  }
}
