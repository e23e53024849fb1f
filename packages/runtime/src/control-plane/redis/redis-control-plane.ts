import type { Logger } from "../../log/logger.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import type { Clock } from "../../time/clock.ts";
import { SYSTEM_SCHEDULER } from "../../time/scheduler.ts";
import type { ControlPlane } from "../control-plane.ts";
import { DEFAULT_REGISTRY_TIMES, type RegistryTimes } from "../registry-backend.ts";
import { RegistryClient, type RegistryClientOptions } from "../registry-client.ts";
import type { RedisOptions } from "./redis-options.ts";
import { RedisRegistry } from "./redis-registry.ts";

export interface RedisControlPlaneDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics?: Metrics;
}

/** This node's control plane over Redis. Connects in the background; a Redis that is away keeps nobody from starting. */
export function createRedisControlPlane(
  options: RedisOptions,
  deps: RedisControlPlaneDeps,
  times: Partial<RegistryTimes> & Partial<RegistryClientOptions> = {},
): ControlPlane {
  const { logger, clock, metrics } = deps;
  const random = Math.random;
  const backend = new RedisRegistry(options, { ...DEFAULT_REGISTRY_TIMES, ...times }, { logger, random });
  return new RegistryClient(times, {
    backend,
    scheduler: SYSTEM_SCHEDULER,
    clock,
    logger,
    random,
    metrics,
  });
}
