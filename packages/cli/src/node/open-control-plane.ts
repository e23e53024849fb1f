import {
  type Clock,
  ConfigError,
  type ConfigOf,
  type ControlPlane,
  type Logger,
  type Metrics,
  readRedisSettings,
} from "@canopy/runtime";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { readText } from "./read-text.ts";

export type ControlPlaneConfig = ConfigOf<(typeof COMMAND_GROUPS)["edge"]>["controlPlane"];

export interface ControlPlaneDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** How the others are told to reach this node. */
export interface PublicPlace {
  /** "" = none given. */
  readonly region: string;
  /** Undefined: the address that the node listens on. */
  readonly publicUrl: string | undefined;
  readonly publicHttpUrl: string | undefined;
}

const MAX_REGION_CHARACTERS = 64;

/** Undefined without `--redis`. Does not wait for Redis: a node starts while that is away. */
export async function openControlPlane(
  config: ControlPlaneConfig,
  deps: ControlPlaneDeps,
): Promise<ControlPlane | undefined> {
  const { redis, redisCa, redisCluster, redisSentinelMaster, redisPrefix, redisTimeoutMs } = config;
  if (redis.length === 0) {
    // Nothing is missing, so nobody has to be called.
    deps.metrics.read("canopy_control_plane_up", "", () => 1);
    return undefined;
  }
  const options = readRedisSettings({
    urls: redis,
    cluster: redisCluster,
    sentinelMaster: redisSentinelMaster,
    ca: redisCa === undefined ? undefined : await readText(redisCa, "--redis-ca"),
    prefix: redisPrefix,
    timeoutMs: redisTimeoutMs,
  });
  const { createRedisControlPlane } = await import("@canopy/runtime/redis");
  return createRedisControlPlane(options, { ...deps, logger: deps.logger.child("control-plane") });
}

/** Checks what the node will tell of itself, so that a mistake is seen here and not by those who refuse its record. */
export function readPublicPlace(config: ControlPlaneConfig): PublicPlace {
  const { region = "" } = config;
  if (region.length > MAX_REGION_CHARACTERS) {
    throw wrong(`--region must be at most ${MAX_REGION_CHARACTERS} characters`, "--region");
  }
  return {
    region,
    publicUrl: readUrl(config.publicUrl, "--public-url", ["https:"]),
    publicHttpUrl: readUrl(config.publicHttpUrl, "--public-http-url", ["http:", "https:"]),
  };
}

function readUrl(text: string | undefined, option: string, protocols: readonly string[]): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isBare = url !== undefined && url.pathname === "/" && url.search === "" && url.username === "";
  if (!isBare || !protocols.includes(url.protocol)) {
    throw wrong(`${option} must be ${protocols.map((name) => `${name}//host:port`).join(" or ")}`, option);
  }
  return url.origin;
}

function wrong(message: string, source: string): ConfigError {
  return new ConfigError("config-invalid", message, source);
}
