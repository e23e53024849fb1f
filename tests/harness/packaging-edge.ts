import { EdgeNode, type EdgeNodeOptions } from "@canopy/edge";
import {
  createClock,
  createMetrics,
  createSilentLogger,
  type Metrics,
  type TokenVerifier,
} from "@canopy/runtime";
import { edgeOptions } from "./edge-options.ts";

/** An edge without WebRTC on a free port in this process; broadcasts are written into its store by the test. */
export class PackagingEdge implements AsyncDisposable {
  readonly node: EdgeNode;
  readonly metrics: Metrics;

  private constructor(node: EdgeNode, metrics: Metrics) {
    this.node = node;
    this.metrics = metrics;
  }

  static async start(
    options: Partial<EdgeNodeOptions> & { readonly verifier?: TokenVerifier } = {},
  ): Promise<PackagingEdge> {
    const { verifier, ...nodeOptions } = options;
    const metrics = createMetrics({ processMetrics: false });
    const node = await EdgeNode.open(edgeOptions(verifier, nodeOptions), {
      logger: createSilentLogger(),
      metrics,
      clock: createClock(),
      verifier,
    });
    return new PackagingEdge(node, metrics);
  }

  get origin(): string {
    return `http://127.0.0.1:${this.node.port}`;
  }

  hls(broadcast: string, rest = "index.m3u8"): string {
    return `${this.origin}/hls/${broadcast}/${rest}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.close();
  }
}
