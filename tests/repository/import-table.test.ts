import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { importsOf, loadedBy, ROOT, readText, repositoryFiles } from "./repository-files.ts";

/** Which packages of ours each package may import; the arrows of docs/10-architecture.md. */
const IMPORT_TABLE: Readonly<Record<string, readonly string[]>> = {
  media: [],
  protocol: [],
  runtime: [],
  transport: ["runtime"],
  relay: ["media", "protocol", "runtime", "transport"],
  origin: ["media", "protocol", "runtime", "transport", "relay"],
  edge: ["media", "protocol", "runtime", "transport", "relay"],
  player: ["media", "protocol", "transport"],
  console: ["player"],
  cli: ["media", "protocol", "runtime", "transport", "relay", "origin", "edge", "console"],
};

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface CompilerSettings {
  readonly references?: readonly { readonly path: string }[];
}

const packages = Object.keys(IMPORT_TABLE);
const sources = repositoryFiles().filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path));

function allowed(name: string): readonly string[] {
  return IMPORT_TABLE[name] ?? [];
}

describe("import table", () => {
  it("knows every package", () => {
    const found = new Set(repositoryFiles().map((path) => /^packages\/([^/]+)\//.exec(path)?.[1]));
    found.delete(undefined);
    expect([...found].sort()).toEqual([...packages].sort());
  });

  it.each(packages)("%s imports only what stands below it", (name) => {
    const wrong: string[] = [];
    for (const path of sources.filter((file) => file.startsWith(`packages/${name}/`))) {
      for (const specifier of importsOf(readText(path))) {
        const target = /^@canopy\/([^/]+)/.exec(specifier)?.[1];
        if (target !== undefined && !allowed(name).includes(target)) wrong.push(`${path}: ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each(packages)("%s declares the same dependencies in package.json and tsconfig", (name) => {
    const manifest = JSON.parse(readText(`packages/${name}/package.json`)) as Manifest;
    const declared = Object.keys(manifest.dependencies ?? {})
      .filter((dependency) => dependency.startsWith("@canopy/"))
      .map((dependency) => dependency.slice("@canopy/".length));
    expect(declared.filter((dependency) => !allowed(name).includes(dependency))).toEqual([]);

    const settings = JSON.parse(readText(`packages/${name}/tsconfig.json`)) as CompilerSettings;
    const referenced = (settings.references ?? [])
      .map(({ path }) => /^\.\.\/([^/]+)/.exec(path)?.[1])
      .filter((target) => target !== undefined);
    expect(referenced.filter((target) => !allowed(name).includes(target))).toEqual([]);
  });

  it("pins every dependency to one exact version", () => {
    const loose: string[] = [];
    for (const path of repositoryFiles().filter((file) => /(^|\/)package\.json$/.test(file))) {
      const manifest = JSON.parse(readText(path)) as Record<string, Record<string, string> | undefined>;
      for (const section of ["dependencies", "devDependencies", "optionalDependencies"]) {
        for (const [dependency, version] of Object.entries(manifest[section] ?? {})) {
          if (!/^\d+\.\d+\.\d+(-[\w.]+)?$|^workspace:\*$/.test(version))
            loose.push(`${path}: ${dependency} ${version}`);
        }
      }
    }
    expect(loose).toEqual([]);
  });

  it("keeps upstream and downstream of one hop apart: they meet in the store", () => {
    const wrong: string[] = [];
    for (const path of sources) {
      const stage = /\/src\/(upstream|downstream)\//.exec(path)?.[1];
      if (stage === undefined) continue;
      const other = stage === "upstream" ? "downstream" : "upstream";
      for (const specifier of importsOf(readText(path))) {
        if (!specifier.startsWith(".")) continue;
        const target = normalize(join(dirname(path), specifier));
        if (target.includes(`/src/${other}/`)) wrong.push(`${path}: ${specifier}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("loads no file that loads it in turn", () => {
    const graph = new Map<string, string[]>();
    for (const path of sources) {
      const targets = loadedBy(readText(path))
        .filter((specifier) => specifier.startsWith("."))
        .map((specifier) => normalize(join(dirname(path), specifier)))
        .filter((target) => existsSync(join(ROOT, target)));
      graph.set(path, targets);
    }
    const state = new Map<string, "open" | "done">();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === "done") return;
      if (state.get(path) === "open") {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
        return;
      }
      state.set(path, "open");
      for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
      state.set(path, "done");
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });
});
