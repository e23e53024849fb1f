import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../harness/repository-root.ts";
import { type Manifest, OVERLAYS, renderOverlay } from "./rendered-manifests.ts";

interface ModelClass {
  new (data: unknown): { validate(): void };
}

/** Where the types and validators of an API group come from: Kubernetes' own OpenAPI, and the CRDs of operators. */
function moduleOf({ apiVersion, kind }: Manifest): string {
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  const source =
    { "keda.sh": "@kubernetes-models/keda", "cert-manager.io": "@kubernetes-models/cert-manager" }[group] ??
    "kubernetes-models";
  return `${source}/${apiVersion}/${kind}`;
}

let rendered: ReadonlyMap<string, readonly Manifest[]>;
let folder: string;

beforeAll(() => {
  rendered = new Map(OVERLAYS.map((overlay) => [overlay, renderOverlay(overlay)]));
  // Below tests/, where the packages with the types are found.
  const cache = join(ROOT, "tests", "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, "manifests-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the Kubernetes manifests", () => {
  it.each(OVERLAYS)("of %s keep to the schemas of their kinds", async (overlay) => {
    const wrong: string[] = [];
    for (const manifest of rendered.get(overlay) ?? []) {
      const models = (await import(moduleOf(manifest))) as Readonly<Record<string, ModelClass>>;
      const Model = models[manifest.kind];
      if (Model === undefined) throw new Error(`no schema for ${manifest.apiVersion} ${manifest.kind}`);
      try {
        new Model(manifest).validate();
      } catch (error) {
        wrong.push(`${manifest.kind} ${manifest.metadata.name}: ${String(error)}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  // The validators pass over fields that they do not know; the compiler, which has the same schemas as types, does not.
  it("have no field that their kinds do not know", () => {
    const lines: string[] = [];
    let count = 0;
    for (const [overlay, manifests] of rendered) {
      for (const manifest of manifests) {
        const type = `I${manifest.kind}`;
        lines.push(
          `// ${overlay}`,
          `const m${count++}: import("${moduleOf(manifest)}").${type} = ${JSON.stringify(manifest)};`,
        );
      }
    }
    lines.push(`export default [${Array.from({ length: count }, (_, index) => `m${index}`).join(", ")}];`);
    expect(count).toBeGreaterThan(60);
    expect(compile(lines.join("\n"))).toBe("");
    // What would be no test if the compiler did not see such things.
    const typo = { apiVersion: "v1", kind: "Service", metadata: { name: "x" }, spec: { clusterIp: "None" } };
    const line = `export const m: import("kubernetes-models/v1/Service").IService = ${JSON.stringify(typo)};`;
    expect(compile(line)).toContain("clusterIp");
  });
});

function compile(source: string): string {
  const file = join(folder, "manifests.ts");
  writeFileSync(file, source);
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--types", ""];
  const tsc = join(ROOT, "node_modules", ".bin", "tsc");
  try {
    execFileSync(tsc, [...options, "--moduleResolution", "bundler", "--ignoreConfig", file], {
      cwd: folder,
      encoding: "utf8",
    });
    return "";
  } catch (error) {
    return String((error as { stdout?: string }).stdout).replaceAll(/const m\d+.*\n/g, "");
  }
}
