import type { CertificateFiles, NodeAccessOptions } from "@canopy/relay/node";
import {
  type Clock,
  ConfigError,
  type ConfigOf,
  type ControlPlane,
  createClock,
  createLogger,
  createMetrics,
  type Logger,
  type Metrics,
  RuntimeError,
  TokenKeyFile,
  type TokenVerifier,
  TrustedProxies,
} from "@canopy/runtime";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { openControlPlane, type PublicPlace, readPublicPlace } from "./open-control-plane.ts";
import { unreadable } from "./read-text.ts";

/** The settings that all roles have. */
export type NodeConfig = Pick<
  ConfigOf<(typeof COMMAND_GROUPS)["edge"]>,
  "listen" | "tls" | "access" | "limits" | "controlPlane" | "log"
>;

/** What every node is built with. */
export interface NodeParts {
  readonly name: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly tls: CertificateFiles | undefined;
  /** Undefined: the node is open, which `--allow-anonymous` has confirmed. */
  readonly verifier: TokenVerifier | undefined;
  /** Where the verifier's keys come from; to be closed with the node. */
  readonly tokenKeys: TokenKeyFile | undefined;
  readonly access: NodeAccessOptions;
  /** Undefined: nothing is known of other nodes but what is configured. Closed after the node. */
  readonly controlPlane: ControlPlane | undefined;
  readonly place: PublicPlace;
}

/** Makes the parts out of the settings and refuses settings that contradict each other. */
export async function createNodeParts(role: string, config: NodeConfig): Promise<NodeParts> {
  const name = config.listen.name ?? `${role}-${config.listen.host}:${config.listen.port}`;
  const tls = chooseTls(config.tls);
  const access = accessOptions(config);
  const clock = createClock();
  const logger = createLogger({
    level: config.log.level,
    pretty: config.log.format === "text",
    component: name,
  });
  const metrics = createMetrics();
  const tokenKeys = await openTokenKeys(config.access, { clock, logger: logger.child("access"), metrics });
  const place = readPublicPlace(config.controlPlane);
  // The last one, because it is open then.
  const controlPlane = await openControlPlane(config.controlPlane, { logger, metrics, clock });
  const verifier = tokenKeys?.verifier;
  return { name, clock, logger, metrics, tls, tokenKeys, verifier, access, place, controlPlane };
}

function accessOptions({ access, limits }: NodeConfig): NodeAccessOptions {
  const { connectionsPerAddress } = limits;
  return {
    allowAnonymous: access.allowAnonymous,
    corsOrigins: access.corsOrigins.map(checkOrigin),
    privateMetrics: access.privateMetrics,
    requestsPerSecondPerAddress: limits.requestsPerAddress,
    maxConnectionsPerAddress: connectionsPerAddress === 0 ? undefined : connectionsPerAddress,
    handshakesPerSecondPerAddress: limits.handshakesPerAddress,
    trustedProxies: new TrustedProxies(limits.trustedProxies),
  };
}

/** As browsers write it in `Origin`: a scheme and a host, nothing behind them. */
function checkOrigin(origin: string): string {
  if (origin === "*") return origin;
  if (URL.canParse(origin) && new URL(origin).origin === origin) return origin;
  throw wrong(
    `--cors-origin must be * or an origin such as https://tv.example.com, not ${origin}`,
    "--cors-origin",
  );
}

function chooseTls(tls: NodeConfig["tls"]): CertificateFiles | undefined {
  if (tls.cert === undefined && tls.key === undefined) return undefined;
  if (tls.cert === undefined || tls.key === undefined) {
    throw wrong("--tls-cert and --tls-key are given together or not at all", "--tls-cert");
  }
  return { certPath: tls.cert, keyPath: tls.key };
}

async function openTokenKeys(
  access: NodeConfig["access"],
  deps: { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics },
): Promise<TokenKeyFile | undefined> {
  const { tokenKey: path } = access;
  if (path === undefined) {
    if (access.allowAnonymous) return undefined;
    throw wrong(
      "no --token-key is given: without one anybody can publish and watch; give a key (canopy token --new-key HS256 makes one) or confirm with --allow-anonymous",
      "--token-key",
    );
  }
  try {
    return await TokenKeyFile.open({ path }, deps);
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw unreadable(path, "--token-key", error);
  }
}

function wrong(message: string, source: string): ConfigError {
  return new ConfigError("config-invalid", message, source);
}
