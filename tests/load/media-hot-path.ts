/**
 * What the media functions on the way of every frame cost, on frames of 6 KB: `npm run bench -- media-hot-path [rounds]`.
 * Prints ns per frame, the median and the best of several batches; the floor of any of them is one copy of the frame.
 */
import { performance } from "node:perf_hooks";
import { decodeLegacyFrame, encodeLegacyFrame } from "@canopy/media/container";
import {
  avccToAnnexB,
  encodeSeiNal,
  insertSei,
  isKeyframe,
  joinAnnexB,
  normalizeAccessUnit,
  usesBFrames,
} from "@canopy/media/h264";
import { encodeTimedMessage, encodeTimedSei, readTimedMessages } from "@canopy/media/timed";
import { type Row, report } from "./report.ts";

const FRAME_BYTES = 6_250;
const ROUNDS = Number(process.argv[2] ?? 20_000);
const BATCHES = 9;

/** Noise as entropy-coded slices are: no start code inside, escaped where it has to be. */
function sliceOf(header: number, bytes: number, seed: number): Uint8Array {
  let state = seed;
  const nal = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    nal[i] = state >>> 24;
    if ((nal[i] ?? 0) < 4 && nal[i - 1] === 0 && nal[i - 2] === 0) nal[i] = 4;
  }
  nal[0] = header;
  nal[1] = 0x9a; // first_mb_in_slice 0, slice_type 5: every slice is P
  nal[bytes - 1] = 0x80;
  return nal;
}

const aud = Uint8Array.of(9, 0xf0);
const sps = Uint8Array.from(Buffer.from("6764000dacd941419f9f0110000003001000000303c0f1429960", "hex"));
const pps = Uint8Array.from(Buffer.from("68ebecb22c", "hex"));
const given = { sps: [sps], pps: [pps] };
const inter = sliceOf(0x41, FRAME_BYTES, 1);
const idr = sliceOf(0x65, FRAME_BYTES, 2);
const quarters = [3, 4, 5, 6].map((seed) => sliceOf(0x41, FRAME_BYTES / 4, seed));
const banner = encodeSeiNal(5, new Uint8Array(640).fill(0x41));
const at = 1_764_000_000_000_000;
const timedNal = encodeTimedSei(
  encodeTimedMessage({ v: 1, id: "01JD3Z5Q8Y7X6W5V4T3S2R1Q0P", type: "cue", at, data: { n: 1 } }),
);

const normalInter = joinAnnexB([aud, inter]);
const normalKey = joinAnnexB([aud, sps, pps, banner, idr]);
const bareKey = joinAnnexB([aud, banner, idr]);
const sliced = joinAnnexB([aud, ...quarters]);
const shortCodes = Uint8Array.from([0, 0, 1, ...aud, 0, 0, 1, ...inter]);
const withTimed = insertSei(normalInter, [timedNal]);
const avcc = Uint8Array.from([0, 0, FRAME_BYTES >> 8, FRAME_BYTES & 255, ...inter]);
const legacy = encodeLegacyFrame(at, normalInter);

const CASES: readonly (readonly [string, () => unknown])[] = [
  ["copy of the frame (floor)", () => normalInter.slice()],
  ["avccToAnnexB", () => avccToAnnexB(avcc, 4)],
  ["normalizeAccessUnit, in order", () => normalizeAccessUnit(normalInter, given)],
  ["normalizeAccessUnit, four slices", () => normalizeAccessUnit(sliced, given)],
  ["normalizeAccessUnit, short start codes", () => normalizeAccessUnit(shortCodes, given)],
  ["normalizeAccessUnit, IDR in order", () => normalizeAccessUnit(normalKey, given)],
  ["normalizeAccessUnit, IDR without sets", () => normalizeAccessUnit(bareKey, given)],
  ["insertSei", () => insertSei(normalInter, [timedNal])],
  ["readTimedMessages, none", () => readTimedMessages(normalInter)],
  ["readTimedMessages, foreign SEI", () => readTimedMessages(normalKey)],
  ["readTimedMessages, one", () => readTimedMessages(withTimed)],
  ["isKeyframe", () => isKeyframe(normalInter)],
  ["usesBFrames", () => usesBFrames(normalInter)],
  ["encodeLegacyFrame", () => encodeLegacyFrame(at, normalInter)],
  ["decodeLegacyFrame", () => decodeLegacyFrame(legacy)],
];

/** Keeps results alive, so that no call can be optimized away. */
let sink: unknown;

function batchNs(run: () => unknown): number {
  const start = performance.now();
  for (let i = 0; i < ROUNDS; i += 1) sink = run();
  return ((performance.now() - start) * 1e6) / ROUNDS;
}

const rows: Row[] = CASES.map(([name, run]) => {
  batchNs(run);
  const batches = Array.from({ length: BATCHES }, () => batchNs(run)).sort((a, b) => a - b);
  return {
    function: name,
    "ns per frame": Math.round(batches[BATCHES >> 1] ?? 0),
    best: Math.round(batches[0] ?? 0),
  };
});
report("media-hot-path", rows, {
  frameBytes: FRAME_BYTES,
  rounds: ROUNDS,
  batches: BATCHES,
  sink: typeof sink,
});
