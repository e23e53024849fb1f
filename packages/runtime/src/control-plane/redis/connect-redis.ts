import { Cluster, Redis } from "ioredis";
import { type BackoffOptions, backoffMs } from "../../time/backoff.ts";
import type { RedisOptions } from "./redis-options.ts";
import { REGISTRY_SCRIPTS } from "./registry-scripts.ts";

/** Reconnections of one node are spread, and those of all nodes are out of step. */
const RECONNECT: BackoffOptions = { baseMs: 100, capMs: 3_000 };
/** Times that a command follows the slot or waits for a failover, within its deadline. */
const MAX_REDIRECTIONS = 8;
/** A node of the Cluster that is gone may not say so: the map is asked for again. */
const SLOTS_REFRESH_MS = 5_000;

export interface RedisConnection {
  readonly client: Redis | Cluster;
  /** Hears what is published; of a Cluster it is the client, which keeps a connection of its own for that. */
  readonly subscriber: Redis | Cluster;
}

/**
 * Opens the connections; does not wait for them. Without an offline queue a command fails at once while there is no
 * connection, instead of waiting in memory for one; the heartbeat says everything anew anyway.
 */
export function connectRedis(options: RedisOptions, random: () => number): RedisConnection {
  const retryStrategy = (times: number): number => backoffMs(times - 1, random(), RECONNECT);
  if (options.kind === "cluster") {
    const cluster = connectCluster(options, retryStrategy);
    return { client: cluster, subscriber: cluster };
  }
  const place =
    options.kind === "sentinel" ? sentinelOptions(options, retryStrategy) : (options.addresses[0] ?? {});
  const common = {
    ...commonOptions(options),
    ...place,
    db: options.database,
    enableOfflineQueue: false,
    retryStrategy,
  };
  const { socketTimeout: _, ...waiting } = common;
  return {
    client: new Redis({ ...common, scripts: REGISTRY_SCRIPTS }),
    // It waits for messages: silence is no failure of it.
    subscriber: new Redis(waiting),
  };
}

function connectCluster(options: RedisOptions, retryStrategy: (times: number) => number): Cluster {
  return new Cluster([...options.addresses], {
    redisOptions: commonOptions(options),
    scripts: REGISTRY_SCRIPTS,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryStrategy,
    maxRedirections: MAX_REDIRECTIONS,
    slotsRefreshTimeout: options.timeoutMs,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
  });
}

function commonOptions(options: RedisOptions) {
  const { timeoutMs, username, password, tls } = options;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: tls.ca === undefined ? {} : { ca: tls.ca } }),
    connectionName: "canopy",
    disableClientInfo: true,
    protocol: 2 as const,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    // A server that takes bytes and answers none: give the connection up.
    socketTimeout: 2 * timeoutMs,
    // What was on its way when the connection broke is not sent again: nobody waits for it any more.
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
  };
}

function sentinelOptions(options: RedisOptions, retryStrategy: (times: number) => number) {
  const { tls } = options;
  return {
    sentinels: options.addresses.map(({ host, port }) => ({ host, port })),
    name: options.sentinelMaster ?? "",
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: options.timeoutMs,
    failoverDetector: true,
    ...(tls === undefined
      ? {}
      : { enableTLSForSentinelMode: true, sentinelTLS: tls.ca === undefined ? {} : { ca: tls.ca } }),
  };
}
