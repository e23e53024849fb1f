import { drainNode } from "@canopy/relay/node";
import type { ConfigOf } from "@canopy/runtime";
import type { CommandContext } from "../command-line/command-context.ts";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { createNodeParts } from "../node/create-node-parts.ts";
import { OriginNode } from "../node/origin-node.ts";
import { untilAborted } from "../node/until-aborted.ts";

/** Runs an origin until it is asked to stop. */
export async function runOrigin(
  config: ConfigOf<(typeof COMMAND_GROUPS)["origin"]>,
  context: CommandContext,
): Promise<void> {
  const { listen, rtmp, access } = config;
  const parts = await createNodeParts("origin", config);
  await using node = await OriginNode.open(
    {
      ...listen,
      name: parts.name,
      rtmpPort: rtmp.port,
      rtmpMaxConnections: rtmp.maxConnections,
      tls: parts.tls,
      allowAnonymous: access.allowAnonymous,
    },
    parts,
  );
  await untilAborted(context.signal);
  await drainNode(node, { timeoutMs: listen.drainSeconds * 1_000, uri: listen.drainTo ?? "" });
}
