import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../harness/repository-root.ts";

interface Size {
  readonly edges: { readonly cores: number; readonly processes: number; readonly machines: number } & Record<
    "egressGbps" | "egressGbpsPerMachine" | "viewersPerProcess" | "memoryMbPerProcess",
    number
  > & { readonly limit: string };
  readonly relays: { readonly processes: number; readonly egressGbps: number };
  readonly origins: { readonly processes: number; readonly egressGbps: number };
  readonly redis: { readonly nodes: number; readonly stepsPerSecond: number };
}

const SCRIPT = join(ROOT, "deploy", "sizing", "size-network.mjs");
const { sizeNetwork, MEASURED } = (await import(SCRIPT)) as {
  readonly sizeNetwork: (audience: Readonly<Record<string, unknown>>) => Size;
  readonly MEASURED: Readonly<Record<string, { readonly viewersPerCore: number; readonly mbps: number }>>;
};

describe("sizeNetwork", () => {
  it("gives an audience the cores that its viewers take, and no machine more than its share", () => {
    const size = sizeNetwork({ viewers: 100_000, mbps: 1.5 });
    // 563 viewers at 1.4 Mbit/s are 525 at 1.5.
    expect(size.edges.cores).toBeCloseTo(100_000 / 525.5, 0);
    expect(size.edges.processes).toBe(Math.ceil(size.edges.cores / 0.6 - 0.05));
    expect(size.edges.machines).toBeGreaterThan(size.edges.processes / 8);
    expect(size.edges.egressGbps).toBe(162);
    expect(size.edges.limit).toBe("cores");
    expect(size.edges.memoryMbPerProcess).toBeLessThan(1_024);
  });

  it("counts machines by the network where that is less than the cores could send", () => {
    const size = sizeNetwork({ viewers: 100_000, mbps: 1.5, mix: { flv: 1 }, cores: 32, nicGbps: 10 });
    expect(size.edges.limit).toBe("network");
    expect(size.edges.egressGbpsPerMachine).toBeLessThanOrEqual(7);
  });

  it("grows with viewers, bitrate and broadcasts, and never below what a region needs to lose one", () => {
    const small = sizeNetwork({ viewers: 10, mbps: 1.5, regions: 3, broadcasts: 1 });
    expect([small.edges.processes, small.relays.processes, small.origins.processes]).toEqual([6, 6, 2]);
    const base = sizeNetwork({ viewers: 50_000, mbps: 1.5 });
    expect(sizeNetwork({ viewers: 100_000, mbps: 1.5 }).edges.cores).toBeCloseTo(2 * base.edges.cores, 0);
    expect(sizeNetwork({ viewers: 50_000, mbps: 3 }).edges.cores).toBeCloseTo(2 * base.edges.cores, 0);
    const many = sizeNetwork({ viewers: 50_000, mbps: 1.5, broadcasts: 1_000 });
    expect(many.relays.egressGbps).toBeGreaterThan(9 * base.relays.egressGbps);
  });

  it("refuses shares that are none, and transports that nobody has measured", () => {
    expect(() => sizeNetwork({ viewers: 1, mbps: 1, mix: { whep: 0.5 } })).toThrow("add up to 0.5");
    expect(() => sizeNetwork({ viewers: 1, mbps: 1, mix: { carrier: 1 } })).toThrow("nothing was measured");
  });

  it("takes its figures from the page of measurements", () => {
    const page = readFileSync(join(ROOT, "docs", "80-measure.md"), "utf8");
    for (const [transport, { viewersPerCore, mbps }] of Object.entries(MEASURED)) {
      expect(page, transport).toContain(String(viewersPerCore));
      expect(page, transport).toContain(`${mbps} Mbit/s`);
    }
  });

  it("is shown in the guide as it is", () => {
    const guide = readFileSync(join(ROOT, "docs", "75-deploy.md"), "utf8");
    const sample = /\$ (node deploy\/sizing\/size-network\.mjs[^\n]*)\n([\s\S]*?)```/.exec(guide);
    expect(sample).not.toBeNull();
    const [, command = "", printed] = sample ?? [];
    const [, ...args] = command.split(" ");
    expect(execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" })).toBe(printed);
  });
});
