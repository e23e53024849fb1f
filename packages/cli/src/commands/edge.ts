import { randomInt } from "node:crypto";
import { EdgeNode } from "@canopy/edge";
import { ConfigError, type ConfigOf, Lifetime } from "@canopy/runtime";
import { Http3EngineError, loadHttp3Server } from "@canopy/transport/fails";
import type { CommandContext } from "../command-line/command-context.ts";
import { packageVersion } from "../command-line/package-version.ts";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { createDrain, untilToldToStop } from "../node/create-drain.ts";
import { createNodeParts } from "../node/create-node-parts.ts";
import { openWebRtc, parseIceServers } from "../node/open-webrtc.ts";
import { readParentToken } from "../node/parent-token.ts";
import { readText } from "../node/read-text.ts";
import { registerNode } from "../node/register-node.ts";
import { watchTokenKeys } from "../node/watch-token-keys.ts";
import { workerCount } from "../workers/plan-workers.ts";
import { runEdgeWorkers } from "./edge-workers.ts";

const BYTES_PER_MEGABYTE = 1_048_576;
const BYTES_PER_KILOBYTE = 1_024;
/** Hop ids are chosen at random; randomInt takes no more. */
const MAX_ORIGIN_ID = 2 ** 48 - 1;

/** Runs a relay or an edge until it is asked to stop. */
export async function runEdge(
  config: ConfigOf<(typeof COMMAND_GROUPS)["edge"]>,
  context: CommandContext,
): Promise<void> {
  if (workerCount(config.workers.workers) > 1) {
    if (config.quicEngine.engine === "fails") throw engineError("takes one process: --workers 1");
    await runEdgeWorkers(config, context);
    return;
  }
  const { listen, tree, whep, hls, flv, workers } = config;
  await checkQuicEngine(config);
  const { parentCa } = tree;
  const parts = await createNodeParts(tree.tier === 1 ? "relay" : "edge", config);
  const { controlPlane, place } = parts;
  const originId = randomInt(1, MAX_ORIGIN_ID);
  const drain = createDrain(listen, {
    ...parts,
    self: { id: originId, tier: tree.tier, region: place.region },
  });
  await using lifetime = new Lifetime({ logger: parts.logger });
  watchTokenKeys(parts, lifetime, context);
  if (controlPlane !== undefined) lifetime.own("control plane", controlPlane);
  // Without any, those that the control plane knows, or the first of several workers.
  const isPlaced = tree.parents.length > 0 || controlPlane !== undefined || workers.localParent !== undefined;
  const parents = isPlaced ? tree.parents.map(checkParent) : noParent();
  const iceServers = parseIceServers(config.webrtc.iceServers);
  // Viewers arrive at edges; a relay has none.
  const webrtc = tree.tier > 1 ? await openWebRtc(config, parts) : undefined;
  if (webrtc !== undefined) lifetime.own("webrtc", webrtc);
  await using node = await EdgeNode.open(
    {
      ...listen,
      ...parts.access,
      quic: config.quic,
      quicEngine: config.quicEngine.engine,
      name: parts.name,
      version: packageVersion(),
      originId,
      tier: tree.tier,
      region: place.region,
      tls: parts.tls,
      parents,
      localParentPort: config.workers.localParent,
      parentTrust: {
        ca: parentCa === undefined ? undefined : await readText(parentCa, "--parent-ca"),
        sha256: tree.parentSha256,
      },
      parentToken: readParentToken(tree, parts),
      whep: { ...whep, iceServers, maxHalfOpenPerAddress: config.webrtc.maxHalfOpenPerAddress },
      hls: {
        windowMs: hls.windowSeconds * 1_000,
        maxBytes: hls.cacheMegabytes * BYTES_PER_MEGABYTE,
        maxWaits: hls.maxWaits,
      },
      flv: { maxBufferedBytes: flv.bufferKilobytes * BYTES_PER_KILOBYTE },
    },
    { ...parts, webrtc, drain },
  );
  if (controlPlane !== undefined) {
    await registerNode(
      {
        ...place,
        role: tree.tier === 1 ? "relay" : "edge",
        name: parts.name,
        tier: tree.tier,
        hasCertificate: parts.tls !== undefined,
      },
      { server: node.server, relay: node.relay, controlPlane, isDraining: () => drain.isRequested },
    );
  }
  await untilToldToStop(context.signal, drain);
  drain.request({});
  // It never rejects; nobody has to wait for the registry.
  void controlPlane?.announce();
  await drain.run(node.server);
}

/** Before anything is opened: an engine that is not there is a matter of the configuration. */
async function checkQuicEngine({
  quicEngine,
  tree,
}: ConfigOf<(typeof COMMAND_GROUPS)["edge"]>): Promise<void> {
  if (quicEngine.engine === "quiche") return;
  if (tree.tier === 1) throw engineError("has no raw QUIC, which a relay's children speak: it is for edges");
  try {
    await loadHttp3Server();
  } catch (error) {
    if (error instanceof Http3EngineError) throw engineError(`cannot be used: ${error.message}`);
    throw error;
  }
}

function engineError(text: string): ConfigError {
  return new ConfigError("config-invalid", `--quic-engine fails ${text}`, "--quic-engine");
}

function checkParent(url: string): string {
  if (URL.canParse(url) && new URL(url).protocol === "https:") return url;
  throw new ConfigError(
    "config-invalid",
    `--parent must be a URL such as https://host:4440, not ${url}`,
    "--parent",
  );
}

function noParent(): never {
  throw new ConfigError(
    "config-invalid",
    "--parent is needed, the URL of a node one tier up, such as https://host:4440; or --redis, where parents are found",
    "--parent",
  );
}
