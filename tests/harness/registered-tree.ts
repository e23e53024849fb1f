import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CANOPY_COMMAND } from "./canopy-dev.ts";
import { type StartedProcess, startProcess } from "./child-process.ts";
import { findFreePorts } from "./free-ports.ts";
import { type RedisServer, startRedisServer } from "./redis-server.ts";
import { ROOT } from "./repository-root.ts";
import { waitFor } from "./wait-for.ts";

export type NodeKind = "origin" | "relay" | "edge";

/** One process of a tree that forms itself. */
export interface TreeNode {
  readonly name: string;
  readonly kind: NodeKind;
  /** `http://127.0.0.1:port` of the node's HTTP; QUIC is at the same port. */
  readonly url: string;
  /** Such as `rtmp://127.0.0.1:21003`; of origins. */
  readonly rtmpPort: number | undefined;
  readonly process: StartedProcess;
  /** As a crash would. Returns when, ms since the Unix epoch. */
  kill(): Promise<number>;
}

export interface RegisteredTree extends AsyncDisposable {
  readonly redis: RedisServer;
  readonly nodes: readonly TreeNode[];
  node(name: string): TreeNode;
  /** Starts one more, or one that was killed anew, on the ports of that name. */
  start(name: string): Promise<TreeNode>;
  /** Resolves when every node is linked to all nodes of the next tier up. */
  formed(): Promise<void>;
}

interface Topology {
  readonly originId: number;
  readonly parents?: readonly {
    readonly originId: number;
    readonly url: string;
    readonly connected: boolean;
    readonly subscriptions: number;
  }[];
  readonly broadcasts: readonly { readonly path: string; readonly hops: readonly number[] }[];
}

/** Makes the wall clock of a process wrong. */
const SKEWED_DATE = pathToFileURL(join(ROOT, "tests", "harness", "skewed-date.mjs")).href;

const TIERS: Readonly<Record<NodeKind, number>> = { origin: 0, relay: 1, edge: 2 };

/**
 * Starts origins, relays and edges that know nothing of each other but one redis-server, such as `origin-1`,
 * `relay-2`. They need no order: the tree forms when they are up.
 */
export async function startRegisteredTree(
  counts: Readonly<Record<NodeKind, number>>,
  args: readonly string[] = [],
  more: {
    /** By how much the clocks of nodes are wrong, ms, by name. */
    readonly skewsMs?: Readonly<Record<string, number>>;
    /** Of an operator, where `args` name a key. */
    readonly token?: string;
  } = {},
): Promise<RegisteredTree> {
  const redis = await startRedisServer();
  const names = (["origin", "relay", "edge"] as const).flatMap((kind) =>
    Array.from({ length: counts[kind] }, (_, index) => ({ name: `${kind}-${index + 1}`, kind })),
  );
  const firstPort = await findFreePorts(names.length + counts.origin);
  const nodes = new Map<string, TreeNode>();

  const start = async (name: string): Promise<TreeNode> => {
    const index = names.findIndex((node) => node.name === name);
    const kind = names[index]?.kind;
    if (kind === undefined) throw new Error(`the tree has no ${name}`);
    const node = launch({ name, kind, port: firstPort + index, rtmpPort: firstPort + names.length + index });
    nodes.set(name, node);
    await waitFor(
      () => `${name} to be ready; it printed:\n${node.process.output().slice(-2_000)}`,
      async () => (await fetch(`${node.url}/livez`)).ok,
      60_000,
    );
    return node;
  };

  const launch = (plan: { name: string; kind: NodeKind; port: number; rtmpPort: number }): TreeNode => {
    const { name, kind, port, rtmpPort } = plan;
    const role =
      kind === "origin"
        ? ["origin", "--rtmp-port", String(rtmpPort), "--recordings-dir", `.canopy/recordings-${port}`]
        : ["edge", "--tier", String(TIERS[kind])];
    const common = ["--host", "127.0.0.1", "--port", String(port), "--node-name", name, "--allow-anonymous"];
    const registry = ["--redis", `redis://127.0.0.1:${redis.port}`, "--region", "here", "--no-webrtc"];
    const skewMs = more.skewsMs?.[name];
    const started = startProcess(
      process.execPath,
      [
        ...(skewMs === undefined ? [] : ["--import", SKEWED_DATE]),
        CANOPY_COMMAND,
        ...role,
        ...common,
        ...registry,
        ...["--drain-time", "0"],
        ...args,
      ],
      skewMs === undefined ? {} : { env: { CLOCK_SKEW_MS: String(skewMs) } },
    );
    return {
      name,
      kind,
      url: `http://127.0.0.1:${port}`,
      rtmpPort: kind === "origin" ? rtmpPort : undefined,
      process: started,
      kill: async () => {
        started.child.kill("SIGKILL");
        const killedMs = Date.now();
        await started.exited;
        return killedMs;
      },
    };
  };

  const close = async (): Promise<void> => {
    await Promise.all([...nodes.values()].map((node) => node.process.stop()));
    await redis[Symbol.asyncDispose]();
  };

  const formed = async (): Promise<void> => {
    const alive = [...nodes.values()].filter((node) => node.process.child.exitCode === null);
    for (const { name, kind, url } of alive) {
      const above = alive.filter((other) => TIERS[other.kind] === TIERS[kind] - 1);
      await waitFor(`${name} to be linked to ${above.map((node) => node.name).join(", ")}`, async () => {
        const { parents = [] } = await readTopology(url, more.token);
        const linked = parents.filter((parent) => parent.connected).map((parent) => new URL(parent.url).port);
        return above.every((node) => linked.includes(new URL(node.url).port));
      });
    }
  };

  try {
    await Promise.all(names.map(({ name }) => start(name)));
    await formed();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    redis,
    get nodes() {
      return [...nodes.values()];
    },
    node: (name) => {
      const node = nodes.get(name);
      if (node === undefined) throw new Error(`the tree has no ${name}`);
      return node;
    },
    start,
    formed,
    [Symbol.asyncDispose]: close,
  };
}

export async function readTopology(url: string, token?: string): Promise<Topology> {
  const query = token === undefined ? "" : `?jwt=${token}`;
  return (await (await fetch(`${url}/v1/topology${query}`)).json()) as Topology;
}

/** Which node a broadcast comes to `node` from. */
export async function feederOf(tree: RegisteredTree, node: TreeNode, path: string): Promise<TreeNode> {
  const { broadcasts } = await readTopology(node.url);
  const last = broadcasts.find((broadcast) => broadcast.path === path)?.hops.at(-1);
  for (const candidate of tree.nodes) {
    if (candidate.process.child.exitCode !== null || candidate.process.child.signalCode !== null) continue;
    if ((await readTopology(candidate.url)).originId === last) return candidate;
  }
  throw new Error(`${path} comes to ${node.name} from nowhere`);
}
