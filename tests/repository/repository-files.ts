import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../harness/repository-root.ts";

export { ROOT };

/** Paths, relative to the root, of every file that belongs to the repository (tracked, or new and not ignored). */
export function repositoryFiles(): string[] {
  const output = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return output.split("\n").filter((path) => path !== "");
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Module specifiers of every import and re-export in a TypeScript source. */
export function importsOf(source: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|(?:^|\n)\s*import\s*["']([^"']+)["']/g;
  return [...source.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

/** The same without what the compiler erases (`import type`, `export type`): what is loaded when the module runs. */
export function loadedBy(source: string): string[] {
  return importsOf(source.replace(/(^|\n)\s*(?:import|export)\s+type\b[^;]*;/g, "$1"));
}
