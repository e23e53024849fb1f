import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { ROOT } from "../harness/repository-root.ts";

const FOLDER = join(ROOT, "deploy", "docker");
const dockerfile = readFileSync(join(FOLDER, "Dockerfile"), "utf8").replaceAll(/\\\n/g, " ");
const instructions = dockerfile
  .split("\n")
  .filter((line) => /^[A-Z]+ /.test(line))
  .map((line) => line.replaceAll(/\s+/g, " "));
const manifest = (path: string) =>
  JSON.parse(readFileSync(join(ROOT, path), "utf8")) as {
    readonly version: string;
    readonly engines: { readonly node: string };
  };

async function check(path: string, env: Readonly<Record<string, string>>): Promise<number> {
  const script = join(FOLDER, "health-check.mjs");
  try {
    await promisify(execFile)(process.execPath, [script, path], { env: { PATH: process.env.PATH, ...env } });
    return 0;
  } catch (error) {
    return Number((error as { code?: number }).code);
  }
}

describe("deploy/docker/Dockerfile", () => {
  it("builds on images of one version, and ends as a user who is not root", () => {
    const images = [...dockerfile.matchAll(/^ARG \w+_IMAGE=(.*)$/gm)].map((match) => match[1]);
    expect(images).toHaveLength(2);
    for (const image of images) expect(image).toMatch(/:\d+\.\d+(\.\d+)?-\w+/);
    const stages = [...dockerfile.matchAll(/^FROM (\S+)(?: AS (\S+))?/gm)].map(([, from, name]) => ({
      from,
      name,
    }));
    const bases = stages
      .filter(({ from }) => !stages.some(({ name }) => name === from))
      .map(({ from }) => from);
    expect(bases).toEqual(["NODE", "RUNTIME"].map((name) => `$\{${name}_IMAGE}`));
    expect(stages.at(-1)?.name).toBe("canopy");
    expect(instructions.filter((line) => line.startsWith("USER "))).toEqual(["USER 10001:10001"]);
    // What nodes run is not theirs to change.
    expect(instructions.filter((line) => /^COPY .* \/app \/app$/.test(line))).toEqual([
      "COPY --from=build-edge --chown=root:root /app /app",
      "COPY --from=build --chown=root:root /app /app",
    ]);
  });

  it("installs with the pnpm of the repository, from the lock file, and takes a Node.js that the packages allow", () => {
    const pnpm = /pnpm@[\d.]+/.exec(readFileSync(join(ROOT, "scripts", "run.mjs"), "utf8"))?.[0];
    const used = [...dockerfile.matchAll(/pnpm@[\d.]+/g)].map(([version]) => version);
    expect(new Set(used)).toEqual(new Set([pnpm]));
    expect(dockerfile).toContain("install --frozen-lockfile");
    const node = Number(/NODE_IMAGE=node:(\d+)/.exec(dockerfile)?.[1]);
    expect(node).toBeGreaterThanOrEqual(Number(/\d+/.exec(manifest("package.json").engines.node)?.[0]));
  });

  it("installs from the manifest of every package, before any source is copied", () => {
    const install = instructions.findIndex((line) => line.startsWith("RUN ") && line.includes(" install "));
    const sources = instructions.indexOf("COPY packages packages");
    expect(install).toBeLessThan(sources);
    const copied = instructions
      .slice(0, install)
      .flatMap((line) => /^COPY (packages\/[^/]+)\/package\.json \1\/$/.exec(line)?.[1] ?? []);
    const packages = readdirSync(join(ROOT, "packages")).map((name) => `packages/${name}`);
    expect(copied.sort()).toEqual(packages.sort());
  });

  it("copies only files that the build's context lets through", () => {
    const allowed = readFileSync(join(FOLDER, "Dockerfile.dockerignore"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const sources = instructions
      .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
      .flatMap((line) => line.split(" ").slice(1, -1))
      .filter((word) => !word.startsWith("--"));
    const missing = sources.filter(
      (source) => !allowed.some((path) => source === path || source.startsWith(`${path}/`)),
    );
    expect(sources.length).toBeGreaterThan(8);
    expect(missing).toEqual([]);
  });

  it("has a health check that tells a node that works from one that does not, and from none", async () => {
    expect(dockerfile).toContain('CMD ["node", "/app/docker/health-check.mjs", "/livez"]');
    const server = createServer((request, response) => {
      response.statusCode = request.url === "/livez" ? 200 : 503;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const CANOPY_PORT = String((server.address() as AddressInfo).port);
    try {
      expect(await check("/livez", { CANOPY_PORT })).toBe(0);
      expect(await check("/readyz", { CANOPY_PORT })).toBe(1);
      // It would be asked by HTTPS, which this server does not speak.
      expect(await check("/livez", { CANOPY_PORT, CANOPY_TLS_CERT: "/cert.pem" })).toBe(1);
      expect(await check("/livez", {})).toBe(1);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect(await check("/livez", { CANOPY_PORT })).toBe(1);
  });
});
