import { ENVIRONMENT_PREFIX } from "@canopy/runtime";
import type { DevTokens } from "./dev-tokens.ts";
import { DEV_HOST, type DevPorts } from "./port-plan.ts";

/** The broadcast of the built-in broadcaster. */
export const DEMO_BROADCAST = "live/demo";

export interface DevTreeOptions {
  readonly ports: DevPorts;
  readonly logLevel: string;
  readonly broadcaster: boolean;
  /** Undefined: the tree is open. */
  readonly access: DevAccess | undefined;
}

/** Who gets in: whoever has a token of this key. */
export interface DevAccess {
  readonly keyPath: string;
  readonly tokens: DevTokens;
}

export interface DevNode {
  readonly name: string;
  readonly role: "origin" | "relay" | "edge" | "broadcaster";
  readonly args: readonly string[];
  /** Beside the arguments, which everybody on the machine can read. */
  readonly env: Readonly<Record<string, string>>;
  /** HTTP address of a node; undefined for the broadcaster. */
  readonly url: string | undefined;
}

/** The processes of `canopy dev`, from the origin down: each needs those before it. */
export function devTree(options: DevTreeOptions): readonly DevNode[] {
  const { ports, logLevel, access } = options;
  const log = ["--log-level", logLevel, "--log-format", "text"];
  const node = (name: string, port: number): string[] => [
    "--host",
    DEV_HOST,
    "--port",
    String(port),
    "--node-name",
    name,
    ...(access === undefined ? ["--allow-anonymous"] : ["--token-key", access.keyPath]),
    "--drain-time",
    "0",
    ...log,
  ];
  const child = access === undefined ? {} : { CANOPY_PARENT_TOKEN: access.tokens.viewer };
  const nodes: DevNode[] = [
    {
      name: "origin",
      role: "origin",
      args: [
        "origin",
        ...node("origin", ports.origin),
        "--rtmp-port",
        String(ports.rtmp),
        // Trees on other ports have recordings of their own.
        "--recordings-dir",
        `.canopy/recordings-${ports.origin}`,
      ],
      env: {},
      url: httpUrl(ports.origin),
    },
    {
      name: "relay",
      role: "relay",
      args: ["edge", "--tier", "1", "--parent", sessionUrl(ports.origin), ...node("relay", ports.relay)],
      env: child,
      url: httpUrl(ports.relay),
    },
  ];
  for (const [index, port] of ports.edges.entries()) {
    const name = `edge-${index + 1}`;
    nodes.push({
      name,
      role: "edge",
      args: ["edge", "--tier", "2", "--parent", sessionUrl(ports.relay), ...node(name, port)],
      env: child,
      url: httpUrl(port),
    });
  }
  if (options.broadcaster) {
    nodes.push({
      name: "broadcaster",
      role: "broadcaster",
      args: ["broadcast", "test", "--to", `${rtmpUrl(ports.rtmp)}/${DEMO_BROADCAST}`, ...log],
      env: access === undefined ? {} : { CANOPY_TOKEN: access.tokens.publisher },
      url: undefined,
    });
  }
  return nodes;
}

export function httpUrl(port: number): string {
  return `http://${DEV_HOST}:${port}`;
}

export function rtmpUrl(port: number): string {
  return `rtmp://${DEV_HOST}:${port}`;
}

function sessionUrl(port: number): string {
  return `https://${DEV_HOST}:${port}`;
}

/** Settings meant for `canopy dev` itself must not reach its nodes, where the same names mean other things. */
export function nodeEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith(ENVIRONMENT_PREFIX)));
}
