import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// Unit tests read the TypeScript sources of every package (condition "canopy-source"), so no build is needed
// between an edit and a test run. Tests that start processes use the built `dist/` folders.
const resolve = { conditions: ["canopy-source"] };
const ssr = { resolve: { conditions: ["canopy-source"] } };

/**
 * Named so: files that measure time, sync or painting, in which a browser encodes, or that take the whole machine. They
 * run one at a time.
 */
const TIMING = "tests/**/*.timing.test.ts";
/** Of these, those that need so little of a machine that two at a time leave it some; no browser encodes in them. */
const LIGHT_TIMING = "tests/**/*.light.timing.test.ts";
const NOT_HERE = ["**/node_modules/**", "tests/repository/**"];
/** Each file starts real processes, and waits for what they do. */
const SYSTEM = { testTimeout: 120_000, hookTimeout: 120_000 };
/**
 * Files share processes: a new one for each, with everything imported again, takes as long as the unit tests themselves,
 * and half a minute of the others. A file therefore puts back what it changes (timers, globals, environment), and
 * limits what it runs at once by `takingTurns`.
 */
const SHARED = { isolate: false };

/** They take long, whatever the size of their file says: begun last, each would have the machine for itself. */
const LONG = ["tree-simulation", "recording-crash", "self-forming-tree", "hls-readers", "moq-net-sessions"];

class LongOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) =>
      LONG.some((name) => moduleId.includes(`/${name}.test.`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongOnesFirst },
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...SHARED,
          setupFiles: ["tests/harness/await-closed-sockets.ts"],
          // More than a small machine has cores: those that take long wait for sockets.
          maxWorkers: 5,
        },
      },
      {
        test: { name: "repository", include: ["tests/repository/**/*.test.ts"] },
      },
      {
        resolve,
        ssr,
        test: {
          ...SYSTEM,
          ...SHARED,
          name: "system",
          include: ["tests/**/*.test.ts"],
          exclude: [...NOT_HERE, TIMING],
          // Most of their time is waiting for media that comes in real time: of a core they take 0.2 without a browser,
          // 0.9 with one. More files at once and what arrives late on a machine of two cores is no fault of the product.
          maxWorkers: 3,
        },
      },
      {
        resolve,
        ssr,
        test: {
          ...SYSTEM,
          ...SHARED,
          name: "timing",
          include: [TIMING],
          exclude: [...NOT_HERE, LIGHT_TIMING],
          // What they measure is true of a machine that does nothing else.
          fileParallelism: false,
          // Tests that a file runs beside each other wait most of their time: all of them at once.
          maxConcurrency: 20,
          // With `system` in the same run: after it.
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          ...SYSTEM,
          ...SHARED,
          name: "light-timing",
          include: [LIGHT_TIMING],
          maxWorkers: 2,
          maxConcurrency: 20,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
