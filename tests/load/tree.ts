/**
 * A network of 100,000 viewers in one process, on a clock of its own: real relay nodes, registry clients, placement and
 * admission, over links that are simulated. It loses a relay, three edges, its registry, the way to a region, and a
 * region. Prints who feeds how many, how long pictures stood still, and who lost a session:
 * `npm run bench -- tree [viewers] [edges] [relays] [seed]`.
 */
import { performance } from "node:perf_hooks";
import {
  DEFAULT_TREE_SIMULATION,
  runTreeSimulation,
} from "../harness/tree-simulation/run-tree-simulation.ts";
import { report } from "./report.ts";

const [viewers, edges, relays, seed] = process.argv.slice(2).map(Number);
const options = {
  ...DEFAULT_TREE_SIMULATION,
  ...(viewers !== undefined && { viewers }),
  ...(edges !== undefined && { edges }),
  ...(relays !== undefined && { relays }),
  ...(seed !== undefined && { seed }),
};
const startedMs = performance.now();
const startedCpu = process.cpuUsage();
const { placement, ...events } = await runTreeSimulation(options);
const { user, system } = process.cpuUsage(startedCpu);

const circumstances = {
  ...options,
  wallSeconds: (performance.now() - startedMs) / 1_000,
  cpuSeconds: (user + system) / 1e6,
  heapMegabytes: Math.round(process.memoryUsage().heapUsed / 1_048_576),
};
report("tree placement", [{ ...placement }], circumstances);
report(
  "tree events",
  Object.values(events).map((event) => ({ ...event })),
  circumstances,
);
console.log(
  `${circumstances.wallSeconds.toFixed(1)} s, of which ${circumstances.cpuSeconds.toFixed(1)} s of CPU; ${circumstances.heapMegabytes} MB`,
);
process.exit(0);
