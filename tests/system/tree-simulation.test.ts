import { beforeAll, describe, expect, it } from "vitest";
import {
  DEFAULT_TREE_SIMULATION,
  runTreeSimulation,
  type TreeSimulationResult,
} from "../harness/tree-simulation/run-tree-simulation.ts";

// Nothing here depends on how fast the machine is: all times are simulated ones.

/** For a machine that does a hundred other things; alone it takes seconds. */
const LONGEST_RUN_MS = 300_000;
const { viewers, relays, edges } = DEFAULT_TREE_SIMULATION;
let result: TreeSimulationResult;

beforeAll(async () => {
  result = await runTreeSimulation(DEFAULT_TREE_SIMULATION);
}, LONGEST_RUN_MS);

describe("a network of 100,000 viewers, 200 edges, 20 relays and 3 regions", () => {
  it("places all viewers within the bounded load, and takes each broadcast into a region about once", () => {
    const { placement } = result;
    expect(placement.playing).toBe(viewers);
    expect(placement.viewersMean).toBeCloseTo(viewers / edges, 0);
    expect(placement.maxToMean).toBeLessThanOrEqual(1.25);
    expect(placement.originFanOut).toBeLessThanOrEqual(relays);
    expect(placement.entriesPerRegion).toBeLessThanOrEqual(1.25);
  });

  it("goes on within a second when a relay is lost, without a lost session", () => {
    const { relayLost } = result;
    expect(relayLost.switches).toBeGreaterThan(0);
    expect(relayLost.healMs).toBeLessThanOrEqual(1_000);
    expect(relayLost.sessionsLost).toBe(0);
    expect(relayLost.stillDark).toBe(0);
  });

  it("shows a picture again within three seconds to all viewers of lost edges", () => {
    const { edgesLost } = result;
    expect(edgesLost.sessionsLost).toBeGreaterThan(viewers / edges);
    expect(edgesLost.darkMaxMs).toBeLessThanOrEqual(3_000);
    expect(edgesLost.stillDark).toBe(0);
  });

  it("lets viewers join and move while the registry is away, and is right afterwards", () => {
    const { registryAway } = result;
    expect(registryAway.joined).toBe(viewers / 50);
    expect(registryAway.stillDark).toBe(0);
    expect(registryAway.healMs).toBeLessThanOrEqual(1_500);
    expect(registryAway.rightAfterMs).toBeLessThanOrEqual(10_000);
  });

  it("loses no session of a region whose way to the others is cut, and brings it their media when it is back", () => {
    const { regionCutOff } = result;
    expect(regionCutOff.sessionsLost).toBe(0);
    expect(regionCutOff.healMs).toBeLessThanOrEqual(10_000);
    expect(regionCutOff.rightAfterMs).toBeLessThanOrEqual(15_000);
  });

  it("shows a picture again within three seconds to all viewers of a lost region", () => {
    const { regionLost } = result;
    expect(regionLost.sessionsLost).toBeGreaterThan(viewers / 4);
    // Also to those whose spare edge of another region was lost before: nobody is left of whom they know.
    expect(regionLost.darkMaxMs).toBeLessThanOrEqual(3_000);
    expect(regionLost.healMs).toBeLessThanOrEqual(3_000);
    expect(regionLost.stillDark).toBe(0);
  });
});
