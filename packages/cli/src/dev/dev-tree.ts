import { ENVIRONMENT_PREFIX } from "@canopy/runtime";
import { DEV_HOST, type DevPorts } from "./port-plan.ts";

/** The broadcast of the built-in broadcaster. */
export const DEMO_BROADCAST = "live/demo";

export interface DevTreeOptions {
  readonly ports: DevPorts;
  readonly logLevel: string;
  readonly broadcaster: boolean;
}

export interface DevNode {
  readonly name: string;
  readonly role: "origin" | "relay" | "edge" | "broadcaster";
  readonly args: readonly string[];
  /** HTTP address of a node; undefined for the broadcaster. */
  readonly url: string | undefined;
}

/** The processes of `canopy dev`, from the origin down: each needs those before it. */
export function devTree(options: DevTreeOptions): readonly DevNode[] {
  const { ports, logLevel } = options;
  const log = ["--log-level", logLevel, "--log-format", "text"];
  const node = (name: string, port: number): string[] => [
    "--host",
    DEV_HOST,
    "--port",
    String(port),
    "--node-name",
    name,
    "--allow-anonymous",
    "--drain-time",
    "0",
    ...log,
  ];
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
      url: httpUrl(ports.origin),
    },
    {
      name: "relay",
      role: "relay",
      args: ["edge", "--tier", "1", "--parent", sessionUrl(ports.origin), ...node("relay", ports.relay)],
      url: httpUrl(ports.relay),
    },
  ];
  for (const [index, port] of ports.edges.entries()) {
    const name = `edge-${index + 1}`;
    nodes.push({
      name,
      role: "edge",
      args: ["edge", "--tier", "2", "--parent", sessionUrl(ports.relay), ...node(name, port)],
      url: httpUrl(port),
    });
  }
  if (options.broadcaster) {
    nodes.push({
      name: "broadcaster",
      role: "broadcaster",
      args: ["broadcast", "test", "--to", `${rtmpUrl(ports.rtmp)}/${DEMO_BROADCAST}`, ...log],
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
