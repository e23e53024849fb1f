import { ConfigError } from "../../config/config-error.ts";

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisOptions {
  readonly kind: "single" | "sentinel" | "cluster";
  /** One of `single`; the sentinels, or some nodes of the Cluster, of the others. */
  readonly addresses: readonly RedisAddress[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Number of the database; 0 in a Cluster. */
  readonly database: number;
  readonly tls: { readonly ca: string | undefined } | undefined;
  /** Name of the group of servers that sentinels watch. */
  readonly sentinelMaster: string | undefined;
  /** Hash tag of all keys. */
  readonly prefix: string;
  /** Longest wait for an answer, and for a connection. */
  readonly timeoutMs: number;
}

export interface RedisSettings {
  readonly urls: readonly string[];
  readonly cluster: boolean;
  readonly sentinelMaster: string | undefined;
  readonly ca: string | undefined;
  readonly prefix: string;
  readonly timeoutMs: number;
}

const DEFAULT_PORTS = { single: 6_379, cluster: 6_379, sentinel: 26_379 } as const;
const MAX_DATABASE = 15;

/**
 * Makes the connection's options out of the settings. Several URLs are a Cluster, or the sentinels if a master is
 * named; name, password and database are those of the first. Throws `ConfigError`, whose text holds no password.
 */
export function readRedisSettings(settings: RedisSettings): RedisOptions {
  const { urls, sentinelMaster, prefix, timeoutMs } = settings;
  const parsed = urls.map(parseUrl);
  const [first] = parsed;
  if (first === undefined) throw wrong("--redis needs a URL");
  if (settings.cluster && sentinelMaster !== undefined) {
    throw wrong("--redis-cluster and --redis-sentinel-master are not given together");
  }
  if (parsed.some((url) => url.protocol !== first.protocol)) {
    throw wrong("the URLs of --redis must be all redis:// or all rediss://");
  }
  if (!/^[A-Za-z0-9_.:-]{1,64}$/.test(prefix)) {
    throw new ConfigError(
      "config-invalid",
      "--redis-prefix must be 1 to 64 letters, digits and _ . : -",
      "--redis-prefix",
    );
  }
  const kind =
    sentinelMaster !== undefined ? "sentinel" : settings.cluster || parsed.length > 1 ? "cluster" : "single";
  const database = readDatabase(first, kind);
  return {
    kind,
    addresses: parsed.map((url) => ({
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port === "" ? DEFAULT_PORTS[kind] : Number(url.port),
    })),
    username: first.username === "" ? undefined : decodeURIComponent(first.username),
    password: first.password === "" ? undefined : decodeURIComponent(first.password),
    database,
    tls: first.protocol === "rediss:" ? { ca: settings.ca } : undefined,
    sentinelMaster,
    prefix,
    timeoutMs,
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "") {
    throw wrong("--redis must be a URL such as redis://host:6379 or rediss://name:password@host:6380/0");
  }
  return url;
}

function readDatabase(url: URL, kind: RedisOptions["kind"]): number {
  const text = url.pathname.replace(/^\//, "");
  if (text === "") return 0;
  const database = Number(text);
  if (!/^\d{1,2}$/.test(text) || database > MAX_DATABASE) {
    throw wrong(`the path of --redis is the number of a database, 0 to ${MAX_DATABASE}`);
  }
  if (kind === "cluster" && database !== 0) throw wrong("a Redis Cluster has only the database 0");
  return database;
}

function wrong(message: string): ConfigError {
  return new ConfigError("config-invalid", message, "--redis");
}
