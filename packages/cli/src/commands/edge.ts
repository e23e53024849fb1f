import { EdgeNode } from "@canopy/edge";
import { ConfigError, type ConfigOf, Lifetime } from "@canopy/runtime";
import type { CommandContext } from "../command-line/command-context.ts";
import { packageVersion } from "../command-line/package-version.ts";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { createDrain, untilToldToStop } from "../node/create-drain.ts";
import { createNodeParts, readText } from "../node/create-node-parts.ts";
import { openWebRtc, parseIceServers } from "../node/open-webrtc.ts";
import { watchTokenKeys } from "../node/watch-token-keys.ts";

const BYTES_PER_MEGABYTE = 1_048_576;
const BYTES_PER_KILOBYTE = 1_024;

/** Runs a relay or an edge until it is asked to stop. */
export async function runEdge(
  config: ConfigOf<(typeof COMMAND_GROUPS)["edge"]>,
  context: CommandContext,
): Promise<void> {
  const { listen, tree, whep, hls, flv } = config;
  const { parentCa } = tree;
  const parts = await createNodeParts(tree.tier === 1 ? "relay" : "edge", config);
  const drain = createDrain(listen, parts);
  const parents = tree.parents.length > 0 ? tree.parents.map(checkParent) : noParent();
  const iceServers = parseIceServers(config.webrtc.iceServers);
  await using lifetime = new Lifetime({ logger: parts.logger });
  watchTokenKeys(parts, lifetime, context);
  // Viewers arrive at edges; a relay has none.
  const webrtc = tree.tier > 1 ? await openWebRtc(config, parts) : undefined;
  if (webrtc !== undefined) lifetime.own("webrtc", webrtc);
  await using node = await EdgeNode.open(
    {
      ...listen,
      ...parts.access,
      quic: config.quic,
      name: parts.name,
      version: packageVersion(),
      tier: tree.tier,
      tls: parts.tls,
      parents,
      parentTrust: {
        ca: parentCa === undefined ? undefined : await readText(parentCa, "--parent-ca"),
        sha256: tree.parentSha256,
      },
      parentToken: tree.parentToken,
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
  await untilToldToStop(context.signal, drain);
  await drain.run(node.server);
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
    "--parent is needed: the URL of a node one tier up, such as https://host:4440",
    "--parent",
  );
}
