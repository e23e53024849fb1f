import { type ConfigOf, Lifetime } from "@canopy/runtime";
import type { CommandContext } from "../command-line/command-context.ts";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { createNodeParts } from "../node/create-node-parts.ts";
import { untilAborted } from "../node/until-aborted.ts";
import { watchTokenKeys } from "../node/watch-token-keys.ts";
import { planWorkers } from "../workers/plan-workers.ts";
import { WorkerSupervisor } from "../workers/worker-supervisor.ts";

/** After its sessions have left, or their time is over, a worker closes its parts within this. */
const CLOSE_TIME_MS = 10_000;

/** Runs an edge or relay of several processes until it is asked to stop. */
export async function runEdgeWorkers(
  config: ConfigOf<(typeof COMMAND_GROUPS)["edge"]>,
  context: CommandContext,
): Promise<void> {
  const { listen, tree, webrtc, workers } = config;
  const { publicUrl, publicHttpUrl } = config.controlPlane;
  const plans = planWorkers(
    {
      workers: workers.workers,
      port: listen.port,
      nodeName: listen.name,
      tier: tree.tier,
      webrtc,
      publicUrl,
      publicHttpUrl,
    },
    context.args,
  );
  // Refuses settings that contradict each other here, once, instead of in every worker.
  const parts = await createNodeParts(tree.tier === 1 ? "relay" : "edge", config);
  const { logger, controlPlane } = parts;
  // Each worker has its own.
  await controlPlane?.close();
  await using lifetime = new Lifetime({ logger });
  watchTokenKeys(parts, lifetime, context);
  const stopDeadlineMs = listen.drainSeconds * 1_000 + CLOSE_TIME_MS;
  const supervisor = lifetime.own(
    "workers",
    new WorkerSupervisor(
      plans,
      { host: listen.host, stopDeadlineMs },
      {
        script: context.script,
        report: (message) => context.writeErr(`canopy: ${message}\n`),
        env: context.env,
      },
    ),
    stopDeadlineMs + CLOSE_TIME_MS,
  );
  logger.info({ workers: plans.length, port: listen.port }, "the workers start");
  // It never rejects, and a stop need not wait for it.
  void supervisor.start();
  await untilAborted(AbortSignal.any([context.signal, supervisor.failed]));
  supervisor.failed.throwIfAborted();
}
