import { registeredSuccessors } from "@canopy/relay";
import { NodeDrain } from "@canopy/relay/node";
import { ConfigError } from "@canopy/runtime";
import type { NodeConfig, NodeParts } from "./create-node-parts.ts";
import { untilAborted } from "./until-aborted.ts";

/** How this node will be drained. Throws code `config-invalid`. */
export function createDrain(
  listen: NodeConfig["listen"],
  parts: Pick<NodeParts, "logger" | "controlPlane"> & {
    readonly self: Parameters<typeof registeredSuccessors>[1];
  },
): NodeDrain {
  const { drainSeconds, drainTo } = listen;
  const { controlPlane, self } = parts;
  if (drainTo !== undefined && !(URL.canParse(drainTo) && new URL(drainTo).protocol === "https:")) {
    throw new ConfigError(
      "config-invalid",
      `--drain-to must be a URL such as https://host:4443, not ${drainTo}`,
      "--drain-to",
    );
  }
  return new NodeDrain(
    { timeoutMs: drainSeconds * 1_000, uri: drainTo },
    {
      logger: parts.logger.child("drain"),
      ...(controlPlane && { successors: () => registeredSuccessors(controlPlane.view(), self) }),
    },
  );
}

/** Resolves when the process is asked to stop, by a signal or over HTTP. */
export function untilToldToStop(signal: AbortSignal, drain: NodeDrain): Promise<void> {
  return Promise.race([untilAborted(signal), drain.requested]);
}
