import { EdgeNode } from "@canopy/edge";
import { drainNode } from "@canopy/relay/node";
import { ConfigError, type ConfigOf, Lifetime } from "@canopy/runtime";
import type { CommandContext } from "../command-line/command-context.ts";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { createNodeParts } from "../node/create-node-parts.ts";
import { openWebRtc, parseIceServers } from "../node/open-webrtc.ts";
import { readText } from "../node/read-text.ts";
import { untilAborted } from "../node/until-aborted.ts";

const BYTES_PER_MEGABYTE = 1_048_576;
const BYTES_PER_KILOBYTE = 1_024;

/** Runs a relay or an edge until it is asked to stop. */
export async function runEdge(
  config: ConfigOf<(typeof COMMAND_GROUPS)["edge"]>,
  context: CommandContext,
): Promise<void> {
  const { listen, tree, access, whep, hls, flv } = config;
  const { parentCa } = tree;
  const parts = await createNodeParts(tree.tier === 1 ? "relay" : "edge", config);
  await using lifetime = new Lifetime({ logger: parts.logger });
  if (parts.controlPlane !== undefined) lifetime.own("control plane", parts.controlPlane);
  // Without any, those that the control plane knows.
  const parents = tree.parents.length > 0 || parts.controlPlane ? tree.parents.map(checkParent) : noParent();
  const iceServers = parseIceServers(config.webrtc.iceServers);
  // Viewers arrive at edges; a relay has none.
  const webrtc = tree.tier > 1 ? await openWebRtc(config, parts) : undefined;
  if (webrtc !== undefined) lifetime.own("webrtc", webrtc);
  await using node = await EdgeNode.open(
    {
      ...listen,
      quic: config.quic,
      name: parts.name,
      tier: tree.tier,
      tls: parts.tls,
      allowAnonymous: access.allowAnonymous,
      parents,
      parentTrust: {
        ca: parentCa === undefined ? undefined : await readText(parentCa, "--parent-ca"),
        sha256: tree.parentSha256,
      },
      parentToken: tree.parentToken,
      whep: { ...whep, iceServers },
      hls: {
        windowMs: hls.windowSeconds * 1_000,
        maxBytes: hls.cacheMegabytes * BYTES_PER_MEGABYTE,
        maxWaits: hls.maxWaits,
      },
      flv: { maxBufferedBytes: flv.bufferKilobytes * BYTES_PER_KILOBYTE },
    },
    { ...parts, webrtc },
  );
  await untilAborted(context.signal);
  await drainNode(node, { timeoutMs: listen.drainSeconds * 1_000, uri: listen.drainTo ?? "" });
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
