import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT, readText, repositoryFiles } from "./repository-files.ts";

const files = repositoryFiles();
const pages = files.filter((path) => path.endsWith(".md"));

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

describe("documentation", () => {
  it("links only to files that exist", () => {
    const broken: string[] = [];
    for (const page of pages) {
      for (const match of readText(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        const target = match[1] ?? "";
        if (/^[a-z]+:/.test(target)) continue;
        if (!existsSync(join(ROOT, dirname(page), target))) broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });

  it("justifies every dependency", () => {
    const text = readText("docs/dependencies.md");
    const missing: string[] = [];
    for (const path of files.filter((file) => /(^|\/)package\.json$/.test(file))) {
      const manifest = JSON.parse(readText(path)) as Manifest;
      for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })) {
        if (!name.startsWith("@canopy/") && !text.includes(`\`${name}\``)) missing.push(`${path}: ${name}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it("shows in the README's tree every folder at the top and every package", () => {
    const tree = /```\n(canopy\/[\s\S]*?)```/.exec(readText("README.md"))?.[1] ?? "";
    const folders = new Set<string>();
    for (const path of files) {
      const [top, second] = path.split("/");
      if (path.includes("/") && top !== undefined && !top.startsWith(".")) folders.add(top);
      if (top === "packages" && second !== undefined) folders.add(second);
    }
    const missing = [...folders].filter((folder) => !new RegExp(`[\\s─]${folder}/`).test(tree));
    expect(missing).toEqual([]);
  });

  it("keeps each decision to a page with status, date and rejected options", () => {
    for (const path of files.filter((file) => /^docs\/decisions\/\d{4}-.*\.md$/.test(file))) {
      const text = readText(path);
      expect(text, path).toMatch(/^Status: /m);
      expect(text, path).toMatch(/^Date: \d{4}-\d{2}-\d{2}/m);
      expect(text, path).toMatch(/Rejected|Alternatives/i);
      expect(text.split("\n").length, path).toBeLessThan(80);
    }
  });
});
