import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cachedClip } from "../../harness/clip-cache.ts";
import type { ClipFrames } from "../player/clip-frames.ts";

const FRAME_US = 20_000;
const PAGE_HEADER_BYTES = 27;

/** The clip with its sound replaced by a tone in Opus, 20 ms a frame. */
export function withOpusTone(clip: ClipFrames): ClipFrames {
  const seconds = clip.durationUs / 1e6;
  const args = ["-y", "-hide_banner", "-loglevel", "error"];
  args.push("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", String(seconds));
  // One packet a page, so that the container needs no reader of its own.
  args.push("-ac", "2", "-c:a", "libopus", "-b:a", "96k", "-frame_duration", "20", "-page_duration", "20000");
  const path = cachedClip(`tone-${seconds}s.opus`, (file) =>
    execFileSync("ffmpeg", [...args, "-f", "ogg", file], { stdio: "inherit" }),
  );
  const audio = oggPages(readFileSync(path))
    // OpusHead and OpusTags (RFC 7845 §3).
    .slice(2, 2 + clip.durationUs / FRAME_US)
    .map((packet, index) => ({
      decodeUs: index * FRAME_US,
      timestampUs: index * FRAME_US,
      isKey: true,
      data: Buffer.from(packet).toString("base64"),
    }));
  return { ...clip, audio, audioCodec: "opus", audioDescription: "" };
}

/** What each page holds (RFC 3533 §6). */
function oggPages(file: Buffer): Buffer[] {
  const pages: Buffer[] = [];
  for (let at = 0; at + PAGE_HEADER_BYTES <= file.length; ) {
    if (file.toString("latin1", at, at + 4) !== "OggS") throw new Error(`no Ogg page at ${at}`);
    const segments = file.readUInt8(at + 26);
    let length = 0;
    for (let index = 0; index < segments; index += 1)
      length += file.readUInt8(at + PAGE_HEADER_BYTES + index);
    const start = at + PAGE_HEADER_BYTES + segments;
    pages.push(file.subarray(start, start + length));
    at = start + length;
  }
  return pages;
}
