import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createDevelopmentCertificate } from "@canopy/transport/quic";
import { CANOPY_COMMAND } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";

export const BROADCAST = "live/fanout";
export const FRAMES_PER_SECOND = 30;
/** From the HTTP port of a node to the UDP port of its WebRTC media. */
const WEBRTC_PORT_OFFSET = 1_000;
const START_DEADLINE_MS = 60_000;

/** An origin and one edge below it, with a stream of 1.5 Mbit/s. */
export interface PinnedTree extends AsyncDisposable {
  readonly edge: StartedProcess;
  readonly edgeUrl: string;
  /** UDP port of the edge's WebRTC media. */
  readonly edgeWebRtcPort: number;
  readonly originUrl: string;
}

/** The cores that the edge leaves to everything else. */
export function pinToOtherCores(pid: number): void {
  pin(pid, cpus().length > 1 ? `1-${cpus().length - 1}` : "0");
}

function pin(pid: number, cores: string): void {
  spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", cores, String(pid)], { stdio: "ignore" });
}

interface PinnedTreeOptions {
  readonly edgeArgs?: readonly string[];
  /** The edge serves HTTPS and QUIC with a certificate of its own making. */
  readonly tls?: boolean;
  /** The edge writes a CPU profile there when it ends. */
  readonly profileFolder?: string | undefined;
}

/** Starts the processes: the edge alone on the first core, everything else, this process too, on the others. */
export async function startPinnedTree(options: PinnedTreeOptions = {}): Promise<PinnedTree> {
  const started: StartedProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const one of started.reverse()) await one.stop();
  };
  try {
    return { ...(await startProcesses(options, started)), [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startProcesses(
  options: PinnedTreeOptions,
  started: StartedProcess[],
): Promise<Omit<PinnedTree, typeof Symbol.asyncDispose>> {
  const { edgeArgs = [], profileFolder, tls = false } = options;
  const port = await findFreePorts(3);
  const common = ["--host", "127.0.0.1", "--allow-anonymous", "--log-level", "warn"];
  // All viewers come from one address here.
  const limits = ["--max-sessions", "20000", "--max-sessions-per-address", "20000"];
  limits.push(
    "--requests-per-address",
    "0",
    "--connections-per-address",
    "0",
    "--handshakes-per-address",
    "0",
  );
  limits.push("--webrtc-half-open-per-address", "100000");
  const origin = startProcess(process.execPath, [
    CANOPY_COMMAND,
    ...["origin", "--port", String(port), "--rtmp-port", String(port + 1), ...common],
  ]);
  started.push(origin);
  const originUrl = `http://127.0.0.1:${port}`;
  const edgeUrl = `${tls ? "https" : "http"}://127.0.0.1:${port + 2}`;
  await waitFor("the origin", async () => (await fetch(`${originUrl}/livez`)).ok, START_DEADLINE_MS);
  const profiling = profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
  const edge = startProcess(process.execPath, [
    ...[...profiling, CANOPY_COMMAND],
    ...["edge", "--port", String(port + 2), "--parent", `https://127.0.0.1:${port}`],
    ...[...common, ...limits, ...edgeArgs, ...(tls ? await tlsArgs() : [])],
  ]);
  started.push(edge);
  await waitFor("the edge", async () => (await fetch(`${edgeUrl}/readyz`)).ok, START_DEADLINE_MS);
  const clip = makeClip({ seconds: 60, size: "1280x720", bitrateKbps: 1_400, fps: FRAMES_PER_SECOND });
  const publisher = publishWithFfmpeg(clip, `rtmp://127.0.0.1:${port + 1}/${BROADCAST}`);
  started.push(publisher);
  pin(edge.pid, "0");
  for (const pid of [origin.pid, publisher.pid, process.pid]) pinToOtherCores(pid);
  await waitFor(
    "the broadcast",
    async () => (await fetch(`${originUrl}/v1/broadcasts/${BROADCAST}`)).ok,
    START_DEADLINE_MS,
  );
  await waitFor(
    "the broadcast at the edge",
    async () => ((await scrapeMetrics(edgeUrl)).get("canopy_broadcasts") ?? 0) > 0,
    START_DEADLINE_MS,
  );
  return { edge, edgeUrl, originUrl, edgeWebRtcPort: port + 2 + WEBRTC_PORT_OFFSET };
}

async function tlsArgs(): Promise<string[]> {
  // The edge's certificate is one that nobody knows.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  const folder = mkdtempSync(join(tmpdir(), "canopy-tls-"));
  const { certPem, keyPem } = await createDevelopmentCertificate(["127.0.0.1"]);
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(cert, certPem);
  writeFileSync(key, keyPem);
  return ["--tls-cert", cert, "--tls-key", key];
}
