import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Metrics } from "../metrics/metrics.ts";
import type { Clock } from "../time/clock.ts";

/** Whether the node can do its work now; `reasons` say what is missing. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export interface BasicRoutesDeps {
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly readiness: () => Readiness;
  /** Throws if the sender may not see the metrics; undefined: everybody may. */
  readonly guardMetrics?: ((request: FastifyRequest) => Promise<void>) | undefined;
}

/** For API descriptions, where the node has one. */
const described = (summary: string) => ({ schema: { summary } as object });

/** What every node answers: `/livez`, `/readyz`, `/metrics`, `/v1/time`. */
export function registerBasicRoutes(app: FastifyInstance, deps: BasicRoutesDeps): void {
  // Alive means that the event loop answers at all; a node without a parent is alive and must not be restarted.
  app.get("/livez", described("Whether the process works"), (_request, reply) => {
    void reply.header("cache-control", "no-store").send({ status: "ok" });
  });
  app.get("/readyz", described("Whether the node can serve, and what is missing"), (_request, reply) => {
    const { ready, reasons } = deps.readiness();
    void reply
      .status(ready ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ status: ready ? "ok" : "not ready", reasons });
  });
  app.get("/metrics", described("Metrics for Prometheus"), async (request, reply) => {
    await deps.guardMetrics?.(request);
    const text = await deps.metrics.expose();
    return reply.type(deps.metrics.registry.contentType).send(text);
  });
  // The answer is the time at which it is written; clients halve the round trip as NTP does.
  app.get("/v1/time", described("The node's clock"), (_request, reply) => {
    void reply.header("cache-control", "no-store").send({ unixMicros: deps.clock.nowUs() });
  });
}
