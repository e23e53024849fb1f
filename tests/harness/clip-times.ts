import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { splitAnnexB } from "@canopy/media/h264";

const NAL_LENGTH_BYTES = 4;

/** Says when a coded frame of a clip is due in it, µs; undefined for what is not in it, or in it more than once. */
export interface ClipTimes {
  /** `annexB`: the frame with whatever was put before its last slice. */
  video(annexB: Uint8Array): number | undefined;
  audio(payload: Uint8Array): number | undefined;
}

/** Reads the times of an MP4 with H.264 (lengths of four bytes) and AAC, so that they are found by what the frames hold. */
export function readClipTimes(path: string): ClipTimes {
  const fields = "packet=codec_type,pts_time,pos,size";
  const args = ["-v", "error", "-show_entries", fields, "-of", "json", path];
  const { packets } = JSON.parse(execFileSync("ffprobe", args, { encoding: "utf8", maxBuffer: 1 << 26 })) as {
    packets: { codec_type: string; pts_time: string; pos: string; size: string }[];
  };
  const file = readFileSync(path);
  const times = new Map<string, number>();
  const seen = new Set<string>();
  for (const packet of packets) {
    const bytes = file.subarray(Number(packet.pos), Number(packet.pos) + Number(packet.size));
    const key = keyOf(packet.codec_type === "video" ? lastNal(bytes) : bytes);
    if (seen.has(key)) times.delete(key);
    else times.set(key, Number(packet.pts_time) * 1e6);
    seen.add(key);
  }
  return {
    video: (annexB) => times.get(keyOf(splitAnnexB(annexB).at(-1) ?? annexB)),
    audio: (payload) => times.get(keyOf(payload)),
  };
}

function keyOf(bytes: Uint8Array): string {
  return createHash("sha1").update(bytes).digest("hex");
}

function lastNal(sample: Buffer): Uint8Array {
  let nal = sample.subarray(0, 0);
  for (let at = 0; at + NAL_LENGTH_BYTES <= sample.length; ) {
    const end = at + NAL_LENGTH_BYTES + sample.readUInt32BE(at);
    nal = sample.subarray(at + NAL_LENGTH_BYTES, end);
    at = end;
  }
  return nal;
}
