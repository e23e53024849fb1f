import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { joinAnnexB, NAL_AUD, nalUnitType, splitAnnexB } from "@canopy/media/h264";
import { cachedClip } from "./clip-cache.ts";
import { type ClipOptions, makeClip } from "./ffmpeg.ts";

/** One picture of a clip. */
export interface ClipUnit {
  /** Annex B, without access unit delimiter. */
  readonly annexB: Uint8Array;
  readonly keyframe: boolean;
}

/** What a WHIP publisher sends, made by ffmpeg: H.264 pictures and Opus packets of 20 ms. */
export interface WhipClip {
  readonly fps: number;
  readonly video: readonly ClipUnit[];
  readonly audio: readonly Uint8Array[];
}

const NAL_IDR = 5;

export function makeWhipClip(options: ClipOptions & { readonly fps?: number } = {}): WhipClip {
  const fps = options.fps ?? 30;
  const path = makeClip({ seconds: 4, profile: "baseline", ...options, fps });
  const video = options.video === false ? [] : readVideo(path);
  const audio = options.audio === false ? [] : readOggPackets(readFileSync(convert(path, "opus", OPUS)));
  return { fps, video, audio };
}

const OPUS = ["-vn", "-c:a", "libopus", "-b:a", "64k", "-frame_duration", "20", "-f", "ogg"];
const H264 = ["-an", "-c:v", "copy", "-bsf:v", "h264_mp4toannexb,h264_metadata=aud=insert", "-f", "h264"];

function convert(path: string, kind: string, args: readonly string[]): string {
  return cachedClip(`${basename(path)}.${kind}`, (result) => {
    execFileSync("ffmpeg", ["-y", "-hide_banner", "-loglevel", "error", "-i", path, ...args, result], {
      stdio: "inherit",
    });
  });
}

function readVideo(path: string): ClipUnit[] {
  const units: Uint8Array[][] = [];
  for (const nal of splitAnnexB(readFileSync(convert(path, "h264", H264)))) {
    if (nalUnitType(nal[0]) === NAL_AUD) units.push([]);
    else units.at(-1)?.push(nal);
  }
  return units.map((nals) => ({
    annexB: joinAnnexB(nals),
    keyframe: nals.some((nal) => nalUnitType(nal[0]) === NAL_IDR),
  }));
}

/** Packets of an Ogg stream (RFC 3533 section 6) after OpusHead and OpusTags. */
function readOggPackets(bytes: Buffer): Uint8Array[] {
  const packets: Buffer[] = [];
  let rest = Buffer.alloc(0);
  for (let at = 0; at < bytes.length; ) {
    const segments = bytes[at + 26] ?? 0;
    let data = at + 27 + segments;
    for (let i = 0; i < segments; i++) {
      const size = bytes[at + 27 + i] ?? 0;
      rest = Buffer.concat([rest, bytes.subarray(data, data + size)]);
      data += size;
      if (size === 255) continue;
      packets.push(rest);
      rest = Buffer.alloc(0);
    }
    at = data;
  }
  return packets.slice(2);
}
