import { createSilentLogger, type Logger } from "../../log/logger.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import { type Clock, createClock } from "../../time/clock.ts";
import { type Scheduler, SYSTEM_SCHEDULER } from "../../time/scheduler.ts";
import type { ControlPlane } from "../control-plane.ts";
import { RegistryClient, type RegistryClientOptions } from "../registry-client.ts";
import type { MemoryRegistry } from "./memory-registry.ts";

export interface MemoryControlPlaneDeps {
  readonly registry: MemoryRegistry;
  /** Whether this node's way to the registry is open; default: always. */
  readonly reachable?: () => boolean;
  readonly scheduler?: Scheduler;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

/** One node's control plane over a registry in this process. */
export function createMemoryControlPlane(
  options: Partial<RegistryClientOptions>,
  deps: MemoryControlPlaneDeps,
): ControlPlane {
  return new RegistryClient(options, {
    backend: deps.registry.connect(deps.reachable),
    scheduler: deps.scheduler ?? SYSTEM_SCHEDULER,
    clock: deps.clock ?? createClock(),
    random: deps.random ?? Math.random,
    logger: deps.logger ?? createSilentLogger(),
    metrics: deps.metrics,
  });
}
