import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  encodeSeiNal,
  insertEmulationPrevention,
  insertSei,
  joinAnnexB,
  NAL_AUD,
  NAL_SPS,
  nalUnitType,
  normalizeAccessUnit,
  parseSps,
  removeEmulationPrevention,
  splitAnnexB,
  usesBFrames,
  withLowDelayVui,
} from "@canopy/media/h264";
import { encodeHevcSeiNal, HEVC_AUD, hevcNalUnitType, insertHevcSei } from "@canopy/media/hevc";
import { encodeTimedMessage, encodeTimedSei, readTimedMessages, TIMED_SEI_UUID } from "@canopy/media/timed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// ffmpeg's trace_headers prints every field of a stream as its own parser reads it: an opinion on our SEI and SPS that
// shares no code with ours.

const USER_DATA_UNREGISTERED = 5;
let work = "";

beforeAll(() => {
  const { error, status } = spawnSync("ffmpeg", ["-version"], { stdio: "ignore" });
  if (error || status !== 0) throw new Error("ffmpeg is needed: apt-get install ffmpeg", { cause: error });
  work = mkdtempSync(join(tmpdir(), "canopy-sei-"));
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

type Codec = "h264" | "hevc";

function vector(name: string): Uint8Array {
  const url = new URL(`../vectors/media/${name}.json`, import.meta.url);
  const { hex } = JSON.parse(readFileSync(url, "utf8")) as { hex: string };
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** Access units of a stream that has an AUD in front of each. */
function accessUnits(stream: Uint8Array, codec: Codec): Uint8Array[] {
  const units: Uint8Array[][] = [];
  for (const nal of splitAnnexB(stream)) {
    const isAud = codec === "h264" ? nalUnitType(nal[0]) === NAL_AUD : hevcNalUnitType(nal[0]) === HEVC_AUD;
    if (isAud) units.push([]);
    units.at(-1)?.push(nal);
  }
  return units.map(joinAnnexB);
}

function write(stream: Uint8Array, codec: Codec): string {
  const file = join(work, `stream.${codec}`);
  writeFileSync(file, stream);
  return file;
}

/** The lines of trace_headers, as headings and fields. */
function trace(stream: Uint8Array, codec: Codec): string[] {
  const args = ["-hide_banner", "-v", "trace", "-f", codec, "-i", write(stream, codec), "-c", "copy"];
  const { stderr, status } = spawnSync("ffmpeg", [...args, "-bsf:v", "trace_headers", "-f", "null", "-"], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`ffmpeg failed: ${stderr.slice(-2000)}`);
  return stderr
    .split("\n")
    .filter((line) => line.startsWith("[trace_headers @"))
    .map((line) => line.slice(line.indexOf("] ") + 2));
}

/** Payloads of user_data_unregistered (UUID included) in the order of the stream. */
function userData(lines: readonly string[]): string[] {
  const payloads: number[][] = [];
  for (const line of lines) {
    if (line.startsWith("User Data Unregistered")) payloads.push([]);
    const field = /^\d+\s+(uuid_iso_iec_11578|user_data_payload_byte)\[\d+\]\s+[01]+ = (\d+)$/.exec(line);
    if (field) payloads.at(-1)?.push(Number(field[2]));
  }
  return payloads.map((bytes) => Buffer.from(bytes).toString("hex"));
}

function fieldValues(lines: readonly string[], name: string): number[] {
  return lines.flatMap((line) => {
    const field = new RegExp(`^\\d+\\s+${name}\\s+[01]+ = (\\d+)$`).exec(line);
    return field ? [Number(field[1])] : [];
  });
}

/** A hash of every decoded picture; any message of the decoder is an error. */
function pictures(stream: Uint8Array, codec: Codec): string {
  const args = ["-v", "error", "-xerror", "-f", codec, "-i", write(stream, codec), "-f", "framemd5", "-"];
  const text = execFileSync("ffmpeg", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const hashes = text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(",").at(-1)?.trim());
  expect(hashes.length).toBeGreaterThan(1);
  return hashes.join("\n");
}

describe("insertSei", () => {
  it.each([
    ["h264-baseline", "h264"],
    ["h264-high-b-frames", "h264"],
    ["h264-sliced-zerolatency", "h264"],
    ["h264-high-interlaced-1080", "h264"],
    ["hevc-main", "hevc"],
    ["hevc-main10-b-frames", "hevc"],
  ] as const)("is read by ffmpeg byte by byte in every picture of %s", (name, codec) => {
    const original = vector(name);
    const expected: string[] = [];
    const marked = accessUnits(original, codec).map((unit, i) => {
      // Sizes around the 255-runs; zeros that need emulation prevention, up to the last byte.
      const raw = Buffer.alloc([16, 17, 254, 255, 256, 510, 1040, 4000][i % 8] ?? 16);
      raw.fill(Buffer.from("a0b0c0d0e0f00102030405060708090a", "hex"), 0, 16);
      const at = 1_764_000_000_000_000 + i * 33_333;
      const message = encodeTimedMessage({ v: 1, id: `id-${i}`, type: "cue", at, data: "ä".repeat(i * 60) });
      expected.push(
        raw.toString("hex"),
        TIMED_SEI_UUID.replaceAll("-", "") + Buffer.from(message).toString("hex"),
      );
      const rawNal = (codec === "h264" ? encodeSeiNal : encodeHevcSeiNal)(USER_DATA_UNREGISTERED, raw);
      const nals = [rawNal, encodeTimedSei(message, { codec, alsoPlain: i % 2 === 1 })];
      const result = codec === "h264" ? insertSei(unit, nals) : insertHevcSei(unit, nals);
      expect(readTimedMessages(result, codec).map((found) => found.bytes)).toEqual([message]);
      return result;
    });
    const stream = new Uint8Array(Buffer.concat(marked));

    const ours = (payload: string) => payload.startsWith("a0b0c0") || payload.startsWith("c0a09f00");
    expect(userData(trace(stream, codec)).filter(ours)).toEqual(expected);
    expect(pictures(stream, codec)).toBe(pictures(original, codec));
  });
});

describe("normalizeAccessUnit", () => {
  it("keeps every picture when an SPS and PPS come only from outside", () => {
    const units = accessUnits(vector("h264-baseline"), "h264");
    const [first = new Uint8Array(0)] = units;
    const nals = splitAnnexB(first);
    const given = {
      sps: nals.filter((nal) => nalUnitType(nal[0]) === NAL_SPS),
      pps: nals.filter((nal) => nalUnitType(nal[0]) === 8),
    };
    const bare = units.map((unit) => joinAnnexB(splitAnnexB(unit).filter((nal) => nalUnitType(nal[0]) < 7)));
    const stream = new Uint8Array(Buffer.concat(bare.map((unit) => normalizeAccessUnit(unit, given))));
    expect(pictures(stream, "h264")).toBe(pictures(vector("h264-baseline"), "h264"));
  });
});

/** The same SPS without any VUI, as many hardware encoders write it. */
function withoutVui(sps: Uint8Array): Uint8Array {
  const { vuiFlagPosition } = parseSps(sps);
  const raw = removeEmulationPrevention(sps);
  const text = Array.from(raw, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const bare = `${text.slice(0, vuiFlagPosition)}01`;
  const whole = bare.padEnd(Math.ceil(bare.length / 8) * 8, "0");
  const bytes = Array.from({ length: whole.length / 8 }, (_, i) =>
    Number.parseInt(whole.slice(i * 8, i * 8 + 8), 2),
  );
  return insertEmulationPrevention(Uint8Array.from(bytes));
}

describe("withLowDelayVui", () => {
  it("adds a VUI that ffmpeg reads where there was none", () => {
    const nals = splitAnnexB(vector("h264-main"));
    const isSps = (nal: Uint8Array) => nalUnitType(nal[0]) === NAL_SPS;
    const bare = nals.map((nal) => (isSps(nal) ? withoutVui(nal) : nal));
    expect(fieldValues(trace(joinAnnexB(bare), "h264"), "vui_parameters_present_flag")).not.toContain(1);
    const stream = joinAnnexB(bare.map((nal) => (isSps(nal) ? withLowDelayVui(nal) : nal)));
    const lines = trace(stream, "h264");
    expect(new Set(fieldValues(lines, "vui_parameters_present_flag"))).toEqual(new Set([1]));
    expect(new Set(fieldValues(lines, "max_num_reorder_frames"))).toEqual(new Set([0]));
    expect(pictures(stream, "h264")).toBe(pictures(vector("h264-main"), "h264"));
  });

  it.each([
    "h264-baseline",
    "h264-main",
    "h264-high-interlaced-1080",
    "h264-high-cropped-1080",
    "h264-sliced-zerolatency",
    "h264-hrd-anamorphic",
    "h264-high444-scaling-lists",
    "h264-high10-intra",
  ])("gives %s an SPS that ffmpeg reads as without reordering, and the same pictures", (name) => {
    const original = vector(name);
    const nals = splitAnnexB(original);
    expect(nals.some((nal) => usesBFrames(joinAnnexB([nal])))).toBe(false);
    const isSps = (nal: Uint8Array) => nalUnitType(nal[0]) === NAL_SPS;
    const [sps] = nals.filter(isSps).map(parseSps);
    const stream = joinAnnexB(nals.map((nal) => (isSps(nal) ? withLowDelayVui(nal) : nal)));

    const before = trace(original, "h264");
    const lines = trace(stream, "h264");
    const restricted = fieldValues(lines, "bitstream_restriction_flag");
    expect(restricted.length).toBeGreaterThan(0);
    expect(restricted.every((flag) => flag === 1)).toBe(true);
    expect(new Set(fieldValues(lines, "max_num_reorder_frames"))).toEqual(new Set([0]));
    expect(new Set(fieldValues(lines, "max_dec_frame_buffering"))).toEqual(new Set([sps?.maxNumRefFrames]));
    for (const field of [
      "pic_width_in_mbs_minus1",
      "level_idc",
      "time_scale",
      "frame_crop_bottom_offset",
      "sar_width",
    ]) {
      expect(fieldValues(lines, field)).toEqual(fieldValues(before, field));
    }
    expect(pictures(stream, "h264")).toBe(pictures(original, "h264"));
  });
});
