// `npm run check`: format, lint, types, then the rules of the repository (import table, file sizes, docs).
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bin = (name) => join(root, "node_modules", ".bin", name);

const steps = [
  ["format and lint", bin("biome"), ["ci", "--error-on-warnings", "."]],
  ["types of tests and sources together", bin("tsc"), ["-p", "tsconfig.tests.json"]],
  ["reference pages", process.execPath, [join(root, "scripts", "reference.mjs"), "--check"]],
  ["repository rules", bin("vitest"), ["run", "--project", "repository"]],
];

const failed = [];
for (const [name, program, args] of steps) {
  console.log(`\ncheck: ${name}`);
  const { status } = spawnSync(program, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`\ncheck: failed: ${failed.join(", ")}`);
  process.exit(1);
}
console.log("\ncheck: all good");
