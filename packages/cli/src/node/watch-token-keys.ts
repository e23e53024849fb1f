import type { Lifetime } from "@canopy/runtime";
import type { CommandContext } from "../command-line/command-context.ts";
import type { NodeParts } from "./create-node-parts.ts";

/**
 * The node's token keys are read again when their file changes, and when the process is told to (SIGHUP). That signal
 * never ends a node, also where there is nothing to read.
 */
export function watchTokenKeys(
  { tokenKeys }: Pick<NodeParts, "tokenKeys">,
  lifetime: Lifetime,
  context: Pick<CommandContext, "onReload">,
): void {
  if (tokenKeys !== undefined) lifetime.own("token keys", tokenKeys);
  const stop = context.onReload?.(() => {
    // Settles by itself: failures are logged and counted inside.
    void tokenKeys?.check(true);
  });
  if (stop !== undefined) lifetime.add("reload", stop);
}
