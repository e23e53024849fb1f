import { defineConfig } from "vitest/config";

// Unit tests read the TypeScript sources of every package (condition "canopy-source"), so no build is needed
// between an edit and a test run. Tests that start processes use the built `dist/` folders.
const resolve = { conditions: ["canopy-source"] };
const ssr = { resolve: { conditions: ["canopy-source"] } };

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: { name: "unit", include: ["packages/*/src/**/*.test.ts"], testTimeout: 20_000 },
      },
      {
        test: { name: "repository", include: ["tests/repository/**/*.test.ts"] },
      },
      {
        resolve,
        ssr,
        test: {
          name: "system",
          include: ["tests/**/*.test.ts"],
          exclude: ["**/node_modules/**", "tests/repository/**"],
          // Each file starts real processes on fixed budgets of CPU: one at a time on a small machine.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
