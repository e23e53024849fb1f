import type { CertificateFiles } from "@canopy/relay/node";
import {
  type Clock,
  ConfigError,
  type ConfigOf,
  type ControlPlane,
  createClock,
  createLogger,
  createMetrics,
  type Logger,
  loadTokenKeys,
  type Metrics,
  TokenVerifier,
} from "@canopy/runtime";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { openControlPlane, type PublicPlace, readPublicPlace } from "./open-control-plane.ts";
import { readText } from "./read-text.ts";

/** The settings that all roles have. */
export type NodeConfig = Pick<
  ConfigOf<(typeof COMMAND_GROUPS)["edge"]>,
  "listen" | "tls" | "access" | "controlPlane" | "log"
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
  /** Undefined: nothing is known of other nodes but what is configured. Closed after the node. */
  readonly controlPlane: ControlPlane | undefined;
  readonly place: PublicPlace;
}

/** Makes the parts out of the settings and refuses settings that contradict each other. */
export async function createNodeParts(role: string, config: NodeConfig): Promise<NodeParts> {
  const name = config.listen.name ?? `${role}-${config.listen.host}:${config.listen.port}`;
  const clock = createClock();
  const logger = createLogger({
    level: config.log.level,
    pretty: config.log.format === "text",
    component: name,
  });
  const metrics = createMetrics();
  const tls = chooseTls(config.tls);
  const verifier = await createVerifier(config.access, clock);
  const place = readPublicPlace(config.controlPlane);
  // The last one, because it is open then.
  const controlPlane = await openControlPlane(config.controlPlane, { logger, metrics, clock });
  return { name, clock, logger, metrics, tls, verifier, place, controlPlane };
}

function chooseTls(tls: NodeConfig["tls"]): CertificateFiles | undefined {
  if (tls.cert === undefined && tls.key === undefined) return undefined;
  if (tls.cert === undefined || tls.key === undefined) {
    throw wrong("--tls-cert and --tls-key are given together or not at all", "--tls-cert");
  }
  return { certPath: tls.cert, keyPath: tls.key };
}

async function createVerifier(
  access: NodeConfig["access"],
  clock: Clock,
): Promise<TokenVerifier | undefined> {
  if (access.tokenKey === undefined) {
    if (access.allowAnonymous) return undefined;
    throw wrong(
      "no --token-key is given: without one anybody can publish and watch; give a key (canopy token --new-key HS256 makes one) or confirm with --allow-anonymous",
      "--token-key",
    );
  }
  const keys = await loadTokenKeys(await readText(access.tokenKey, "--token-key"));
  return new TokenVerifier({ keys }, { clock });
}

function wrong(message: string, source: string): ConfigError {
  return new ConfigError("config-invalid", message, source);
}
