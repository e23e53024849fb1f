import { DEFAULT_RTMP_LIMITS } from "./rtmp-limits.ts";
import type { RtmpServerOptions } from "./rtmp-server.ts";

/** 500 publishers of 12 MiB in assembly are 6 GB at worst, and a few hundred MB in practice. */
const MAX_CONNECTIONS = 500;

export const DEFAULT_RTMP_OPTIONS: RtmpServerOptions = {
  host: "127.0.0.1",
  port: 1935,
  limits: DEFAULT_RTMP_LIMITS,
  maxConnections: MAX_CONNECTIONS,
  maxConnectionsPerAddress: 100,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 15_000,
};
