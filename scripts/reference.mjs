// Writes docs/reference from what the built packages declare, or with --check says what is out of date.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMMAND_GROUPS } from "../packages/cli/dist/index.js";
import { configReference, METRICS, metricReference } from "../packages/runtime/dist/index.js";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = join(root, "docs", "reference");
const NOTE = "<!-- Made by scripts/reference.mjs from the code: change it there. -->";

const commands = Object.entries(COMMAND_GROUPS)
  .filter(([, groups]) => Object.keys(groups).length > 0)
  .map(([name, groups]) => `## canopy ${name}\n\n${configReference(groups)}`);

const pages = {
  "configuration.md": `# Configuration

${NOTE}

Every setting is a flag, an environment variable, and a key in the JSON file of \`--config\` (\`CANOPY_CONFIG\`).
Flags win over the environment, the environment over the file. Unknown ones are errors that name the nearest valid one.

${commands.join("\n")}`,
  "metrics.md": `# Metrics

${NOTE}

Every node answers \`GET /metrics\` in the Prometheus text format: these, and prom-client's metrics of the process.

${metricReference(METRICS)}`,
};

const stale = [];
for (const [name, text] of Object.entries(pages)) {
  const file = join(folder, name);
  if (!process.argv.includes("--check")) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, text);
    continue;
  }
  let current = "";
  try {
    current = readFileSync(file, "utf8");
  } catch {
    // A page that is missing is out of date too.
  }
  if (current !== text) stale.push(`docs/reference/${name}`);
}
if (stale.length > 0) {
  console.error(`out of date: ${stale.join(", ")}; run node scripts/reference.mjs`);
  process.exit(1);
}
