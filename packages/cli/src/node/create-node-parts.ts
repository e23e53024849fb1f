import { readFile } from "node:fs/promises";
import type { CertificateFiles } from "@canopy/relay/node";
import {
  type Clock,
  ConfigError,
  type ConfigOf,
  createClock,
  createLogger,
  createMetrics,
  type Logger,
  loadTokenKeys,
  type Metrics,
  TokenVerifier,
} from "@canopy/runtime";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";

/** The settings that all roles have. */
export type NodeConfig = Pick<ConfigOf<(typeof COMMAND_GROUPS)["edge"]>, "listen" | "tls" | "access" | "log">;

/** What every node is built with. */
export interface NodeParts {
  readonly name: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly tls: CertificateFiles | undefined;
  /** Undefined: the node is open, which `--allow-anonymous` has confirmed. */
  readonly verifier: TokenVerifier | undefined;
}

/** Makes the parts out of the settings and refuses settings that contradict each other. */
export async function createNodeParts(role: string, config: NodeConfig): Promise<NodeParts> {
  const name = config.listen.name ?? `${role}-${config.listen.host}:${config.listen.port}`;
  const clock = createClock();
  return {
    name,
    clock,
    logger: createLogger({ level: config.log.level, pretty: config.log.format === "text", component: name }),
    metrics: createMetrics(),
    tls: chooseTls(config.tls),
    verifier: await createVerifier(config.access, clock),
  };
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

/** Reads a file that an option names. */
export async function readText(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const failure = wrong(`the file of ${option} cannot be read: ${path}`, option);
    failure.cause = error;
    throw failure;
  }
}

function wrong(message: string, source: string): ConfigError {
  return new ConfigError("config-invalid", message, source);
}
