import { defineGroup, listOption, numberOption, switchOption, textOption } from "@canopy/runtime";

export const controlPlaneGroup = defineGroup(
  "What the nodes of a deployment know of each other, kept in Redis; without it a node knows its configuration only.",
  {
    redis: listOption({
      name: "redis",
      description:
        "URL of Redis, `redis://` or `rediss://[name:password@]host:port[/database]`. Several are nodes of a Cluster, or sentinels. Nodes of one deployment share one.",
    }),
    redisCluster: switchOption({
      name: "redis-cluster",
      description: "The URL is a node of a Redis Cluster; said of itself when there are several.",
    }),
    redisSentinelMaster: textOption({
      name: "redis-sentinel-master",
      default: undefined,
      description: "Name of the master that the sentinels at the URLs watch.",
    }),
    redisCa: textOption({
      name: "redis-ca",
      default: undefined,
      description: "PEM file with the authorities that Redis' certificate is checked against.",
    }),
    redisPrefix: textOption({
      name: "redis-prefix",
      default: "canopy",
      description: "First part of all keys: deployments that share a Redis have different ones.",
    }),
    redisTimeoutMs: numberOption({
      name: "redis-timeout",
      default: 1_000,
      min: 100,
      max: 30_000,
      unit: "ms",
      description: "Longest wait for Redis; after it the node goes on with what it knows.",
    }),
    region: textOption({
      name: "region",
      default: undefined,
      description:
        "Where the node stands, such as `eu-west`: parents and edges of the own region come first.",
    }),
    publicUrl: textOption({
      name: "public-url",
      default: undefined,
      description:
        "`https://host:port` that children and viewers dial (QUIC and WebTransport); the listening address if not given.",
    }),
    publicHttpUrl: textOption({
      name: "public-http-url",
      default: undefined,
      description: "`http://` or `https://host:port` of the node's HTTP; the listening address if not given.",
    }),
  },
);
