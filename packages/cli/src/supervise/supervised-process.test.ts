import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SupervisedProcess } from "./supervised-process.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-supervise-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function supervise(source: string) {
  const script = join(folder, "child.mjs");
  writeFileSync(script, source);
  const reports: string[] = [];
  const hopeless: string[] = [];
  const supervised = new SupervisedProcess(
    { name: "edge-1", script, args: [], env: process.env },
    { report: (text) => reports.push(text), onHopeless: (text) => hopeless.push(text), random: () => 0 },
  );
  return { supervised, reports, hopeless };
}

/** As on a machine that has no process left to give. */
function startInVain(supervised: SupervisedProcess): void {
  const { execPath } = process;
  process.execPath = join(folder, "missing");
  try {
    supervised.start();
  } finally {
    process.execPath = execPath;
  }
}

const RUNS = "setInterval(() => {}, 1000);";

describe("SupervisedProcess", () => {
  it("starts a killed process again and says so", async () => {
    const { supervised, reports } = supervise(RUNS);
    supervised.start();
    const first = supervised.pid;
    process.kill(first ?? 0, "SIGKILL");
    await vi.waitFor(
      () => {
        expect(supervised.pid).toBeDefined();
        expect(supervised.pid).not.toBe(first);
      },
      { timeout: 10_000 },
    );
    expect(reports).toEqual(["edge-1 ended by SIGKILL; starting it again in 50 ms"]);
    expect(supervised.restarts).toBe(1);
    await supervised.stop();
    expect(supervised.pid).toBeUndefined();
  });

  it("tries again to start a process that the machine has refused to", async () => {
    const { supervised, reports } = supervise(RUNS);
    startInVain(supervised);
    await vi.waitFor(() => expect(supervised.pid).toBeDefined(), { timeout: 10_000 });
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatch(/^edge-1 cannot be started: spawn .* ENOENT; starting it again in 50 ms$/);
    await supervised.stop();
  });

  it("stops a process that could not be started", async () => {
    const { supervised, reports } = supervise(RUNS);
    startInVain(supervised);
    await supervised.stop();
    await new Promise(setImmediate);
    expect(reports).toEqual([]);
    expect(supervised.pid).toBeUndefined();
  });

  it("does not start a process again that refuses its settings", async () => {
    const { supervised, hopeless } = supervise("process.exit(2);");
    supervised.start();
    await vi.waitFor(() => expect(hopeless).toEqual(["edge-1 refuses its settings"]), { timeout: 10_000 });
    expect(supervised.pid).toBeUndefined();
  });

  it("kills a process that does not stop when it is asked to", async () => {
    const { supervised, reports } = supervise(
      `import { writeFileSync } from "node:fs";
      process.on("SIGTERM", () => {});
      writeFileSync(new URL("up", import.meta.url), "");
      ${RUNS}`,
    );
    supervised.start();
    // Before the child has installed its handler SIGTERM would end it at once.
    await vi.waitFor(() => expect(existsSync(join(folder, "up"))).toBe(true), { timeout: 15_000 });
    await supervised.stop();
    expect(supervised.pid).toBeUndefined();
    expect(reports).toEqual(["edge-1 did not stop in 2500 ms and was killed"]);
  });
});
