// How many nodes, cores, machines and bits per second an audience needs, and what Redis has to do for them:
//   node deploy/sizing/size-network.mjs --viewers 100000 --mbps 1.5 [--mix webtransport=0.8,whep=0.15,hls=0.05]
//        [--regions 3] [--broadcasts 100] [--cores 8] [--nic 10] [--load 0.6]
// The arithmetic is explained in docs/75-deploy.md. Figures are those of docs/80-measure.md: of one kind of machine,
// measured on loopback. Measure yours (`npm run bench -- fanout`) and put them here before you buy anything.
import { parseArgs } from "node:util";

/** What one core serves, as measured: viewers at that bitrate (sound and protocol included), and memory for each. */
export const MEASURED = {
  webtransport: { viewersPerCore: 563, mbps: 1.4, sessionKb: 151 },
  whep: { viewersPerCore: 790, mbps: 1.57, sessionKb: 377 },
  hls: { viewersPerCore: 730, mbps: 1.64, sessionKb: 150 },
  flv: { viewersPerCore: 2_134, mbps: 1.5, sessionKb: 150 },
};
/** Headers of QUIC, RTP or TCP, UDP and IP on top of the media, and packets that are sent again. */
const WIRE_OVERHEAD = 1.08;
/** Of a process before its first viewer, with the store's cache and the HLS cache at its default. */
const BASE_MB = 130 + 256;
/** What a machine's network card should carry at most, of what it is sold as. */
const NIC_SHARE = 0.7;
/** Defaults of the control plane: a node announces itself so often, and reads all nodes so often. */
const HEARTBEATS_PER_SECOND = 2;
const READS_PER_SECOND = 0.5;
/** Of each node in each read, and what of a core Redis took for so many nodes (`npm run bench -- registry`). */
const RECORD_BYTES = 340;
const REDIS_MEASURED = { nodes: 150, corePercent: 6 };

/**
 * `mix` are shares of the viewers by transport, adding up to 1. `load` is the share of a core that viewers should take
 * when all are there: the rest is for joins, bursts of keyframes, and the viewers of a node that was lost.
 */
export function sizeNetwork({
  viewers,
  mbps,
  mix = { webtransport: 1 },
  regions = 1,
  broadcasts = 100,
  cores = 8,
  nicGbps = 10,
  load = 0.6,
}) {
  const shares = Object.entries(mix);
  const sum = shares.reduce((total, [, share]) => total + share, 0);
  if (Math.abs(sum - 1) > 1e-6) throw new RangeError(`the shares of the mix add up to ${sum}, not to 1`);
  let coreTime = 0;
  let sessionKb = 0;
  for (const [transport, share] of shares) {
    const measured = MEASURED[transport];
    if (measured === undefined) throw new RangeError(`nothing was measured for ${transport}`);
    // A viewer costs what his packets cost, and so his bitrate.
    const perCore = (measured.viewersPerCore * measured.mbps) / mbps;
    coreTime += (viewers * share) / perCore;
    sessionKb += measured.sessionKb * share;
  }
  const processes = Math.max(2 * regions, Math.ceil(coreTime / load));
  const viewersPerProcess = viewers / processes;
  const egressGbps = (viewers * mbps * WIRE_OVERHEAD) / 1_000;
  const byCores = Math.ceil(processes / cores);
  const byNetwork = Math.ceil(egressGbps / (nicGbps * NIC_SHARE));
  // One of more than a region asks for is lost at the worst time.
  const machines = Math.max(byCores, byNetwork) + regions;

  // A machine takes each broadcast once, whatever its viewers; its other processes take it from the first.
  const edgeLinks = machines;
  const relayBitrateGbps = (edgeLinks * broadcasts * mbps * WIRE_OVERHEAD) / 1_000;
  const relayCores =
    (edgeLinks * broadcasts * mbps) / (MEASURED.webtransport.viewersPerCore * MEASURED.webtransport.mbps);
  const relays = Math.max(2 * regions, Math.ceil(relayCores / load));
  // Each broadcast enters a region once; one that moves is for a moment at two relays.
  const originGbps = (broadcasts * regions * mbps * WIRE_OVERHEAD) / 1_000;
  const originCores =
    (broadcasts * regions * mbps) / (MEASURED.webtransport.viewersPerCore * MEASURED.webtransport.mbps);
  const origins = Math.max(2, Math.ceil(originCores / load));

  const nodes = machines * Math.min(cores, Math.ceil(processes / (machines - regions))) + relays + origins;
  return {
    edges: {
      cores: round(coreTime, 1),
      processes,
      machines,
      viewersPerProcess: Math.round(viewersPerProcess),
      memoryMbPerProcess: Math.round(BASE_MB + (viewersPerProcess * sessionKb) / 1_024),
      egressGbps: round(egressGbps, 1),
      egressGbpsPerMachine: round(egressGbps / (machines - regions), 2),
      limit: byNetwork > byCores ? "network" : "cores",
    },
    relays: { processes: relays, egressGbps: round(relayBitrateGbps, 2), linksDown: edgeLinks },
    origins: { processes: origins, egressGbps: round(originGbps, 2) },
    redis: {
      nodes,
      stepsPerSecond: Math.round(nodes * (HEARTBEATS_PER_SECOND + READS_PER_SECOND)),
      // Everybody reads everybody.
      corePercent: round(REDIS_MEASURED.corePercent * (nodes / REDIS_MEASURED.nodes) ** 2, 0),
      egressMbps: round((nodes * READS_PER_SECOND * nodes * RECORD_BYTES * 8) / 1e6, 1),
    },
  };
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}

function readMix(text) {
  return Object.fromEntries(
    text.split(",").map((entry) => {
      const [transport = "", share] = entry.split("=");
      return [transport.trim(), Number(share)];
    }),
  );
}

function main() {
  const text = { type: "string" };
  const { values } = parseArgs({
    options: {
      viewers: text,
      mbps: text,
      mix: text,
      regions: text,
      broadcasts: text,
      cores: text,
      nic: text,
      load: text,
    },
  });
  const number = (name) => (values[name] === undefined ? undefined : Number(values[name]));
  const size = sizeNetwork({
    viewers: number("viewers") ?? 100_000,
    mbps: number("mbps") ?? 1.5,
    mix: values.mix === undefined ? undefined : readMix(values.mix),
    regions: number("regions"),
    broadcasts: number("broadcasts"),
    cores: number("cores"),
    nicGbps: number("nic"),
    load: number("load"),
  });
  for (const [what, figures] of Object.entries(size)) {
    console.log(what);
    for (const [name, value] of Object.entries(figures)) console.log(`  ${name.padEnd(22)} ${value}`);
  }
}

if (process.argv[1] === import.meta.filename) main();
