import { isIP } from "node:net";
import type { Session } from "@canopy/transport";
import { type ConnectQuicOptions, connectQuic, type QuicDeps, type QuicVerify } from "@canopy/transport/quic";
import { EdgeError } from "../edge-error.ts";

/** The parent answers this from memory; a silent one must not hold up the next candidate. */
const FINGERPRINT_TIMEOUT_MS = 2_000;
const DEFAULT_PORT = 443;

export interface ParentTrust {
  /** PEM of the authorities; undefined = those of Node.js. */
  readonly ca: string | undefined;
  /** Pins in hex; when there are any, nothing else is checked. */
  readonly sha256: readonly string[];
  /** The parent is a process of this machine whatever its address: the hash that it tells over HTTP is trusted. */
  readonly isHere?: boolean;
}

/** Opens a raw QUIC session to `url` (`https://host:port/…`); the path is for the session's SETUP. */
export async function connectParent(
  url: string,
  options: {
    readonly trust: ParentTrust;
    readonly protocols: readonly string[];
    readonly transport?: NonNullable<ConnectQuicOptions["transport"]>;
  },
  deps: QuicDeps,
): Promise<Session> {
  const { hostname, port, protocol } = new URL(url);
  if (protocol !== "https:")
    throw new EdgeError("parent-url", `a parent's URL begins with https://, not ${protocol}//`);
  const host = hostname.replace(/^\[|\]$/g, "");
  const portNumber = port === "" ? DEFAULT_PORT : Number(port);
  const verify = await chooseVerification(host, portNumber, options.trust, deps.signal);
  const { protocols, transport = {} } = options;
  return connectQuic({ host, port: portNumber, alpn: protocols, verify, transport }, deps);
}

/**
 * Pins of the configuration, else the hash that a parent on loopback tells (nobody else can answer there), else
 * authorities. The hash is asked for every time: a parent that restarts has a new development certificate.
 */
async function chooseVerification(
  host: string,
  port: number,
  trust: ParentTrust,
  signal: AbortSignal | undefined,
): Promise<QuicVerify> {
  if (trust.sha256.length > 0) return { sha256: trust.sha256 };
  if (trust.ca !== undefined) return { ca: trust.ca };
  if (!isLoopback(host) && trust.isHere !== true) return {};
  const literal = isIP(host) === 6 ? `[${host}]` : host;
  const timeout = AbortSignal.timeout(FINGERPRINT_TIMEOUT_MS);
  try {
    const response = await fetch(`http://${literal}:${port}/certificate.sha256`, {
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    const fingerprint = (await response.text()).trim();
    if (!response.ok || !/^[0-9a-f]{64}$/.test(fingerprint)) {
      throw new EdgeError("parent-certificate", "the parent does not tell the hash of its certificate");
    }
    return { sha256: [fingerprint] };
  } catch (error) {
    if (error instanceof EdgeError) throw error;
    throw new EdgeError("parent-unreachable", "the parent does not answer over HTTP", { cause: error });
  }
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
