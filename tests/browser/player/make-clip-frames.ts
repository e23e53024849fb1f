import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { aacCodecString, parseAudioSpecificConfig } from "@canopy/media/aac";
import { encodeHex } from "@canopy/media/catalog";
import { parseAudioTagBody, parseVideoTagBody } from "@canopy/media/flv";
import {
  avccToAnnexB,
  h264CodecString,
  normalizeAccessUnit,
  parseAvcDecoderConfig,
  parseSps,
} from "@canopy/media/h264";
import { cachedClip } from "../../harness/clip-cache.ts";
import type { ClipFrames } from "./clip-frames.ts";

const FLV_HEADER_BYTES = 9 + 4;
const TAG_HEADER_BYTES = 11;
/** Side of the squares that show the frame's number in binary, lowest bit at the left. */
const BIT_PIXELS = 16;

export interface ClipFramesOptions {
  readonly seconds: number;
  readonly fps: number;
  readonly bFrames: number;
  readonly size: string;
  readonly keyframeInterval: number;
}

/** Encodes a test clip whose frames carry their number as squares in the top row, and takes it apart. */
export function makeClipFrames(options: ClipFramesOptions): ClipFrames {
  const { seconds, fps, bFrames, size, keyframeInterval } = options;
  const name = `numbered-${seconds}s-${fps}fps-b${bFrames}-${size}-k${keyframeInterval}.flv`;
  const bytes = new Uint8Array(readFileSync(cachedClip(name, (path) => encode(path, options))));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const video: ClipFrames["video"][number][] = [];
  const audio: ClipFrames["audio"][number][] = [];
  let sets: ReturnType<typeof parseAvcDecoderConfig> | undefined;
  let videoCodec = "";
  let audioConfig: Uint8Array | undefined;
  for (let at = FLV_HEADER_BYTES; at + TAG_HEADER_BYTES <= bytes.length; ) {
    const type = view.getUint8(at);
    const length = (view.getUint8(at + 1) << 16) | view.getUint16(at + 2);
    const timestampMs = (view.getUint8(at + 4) << 16) | view.getUint16(at + 5);
    const body = bytes.subarray(at + TAG_HEADER_BYTES, at + TAG_HEADER_BYTES + length);
    at += TAG_HEADER_BYTES + length + 4;
    if (type === 9) {
      const tag = parseVideoTagBody(body);
      if (tag.kind === "sequence-start") {
        sets = parseAvcDecoderConfig(tag.data);
        const [sps] = sets.sps;
        if (sps !== undefined) videoCodec = h264CodecString(parseSps(sps));
      } else if (tag.kind === "frame" && sets !== undefined) {
        const annexB = normalizeAccessUnit(avccToAnnexB(tag.data, sets.nalLengthSize), sets);
        video.push({
          decodeUs: timestampMs * 1000,
          timestampUs: (timestampMs + tag.compositionTimeMs) * 1000,
          isKey: tag.isKeyframe,
          data: Buffer.from(annexB).toString("base64"),
        });
      }
    } else if (type === 8) {
      const tag = parseAudioTagBody(body);
      if (tag.kind === "sequence-start") audioConfig = tag.data;
      else if (tag.kind === "frame") {
        audio.push({
          decodeUs: timestampMs * 1000,
          timestampUs: timestampMs * 1000,
          isKey: true,
          data: Buffer.from(tag.data).toString("base64"),
        });
      }
    }
  }
  if (audioConfig === undefined) throw new Error("the clip has no AAC");
  const config = parseAudioSpecificConfig(audioConfig);
  const [width = 0, height = 0] = size.split("x").map(Number);
  return {
    durationUs: seconds * 1e6,
    frameUs: 1e6 / fps,
    firstFrameUs: Math.min(...video.map((frame) => frame.timestampUs)),
    bFrames: bFrames > 0,
    width,
    height,
    videoCodec,
    audioCodec: aacCodecString(config),
    audioDescription: encodeHex(audioConfig),
    video,
    audio,
  };
}

function encode(path: string, options: ClipFramesOptions): void {
  const { seconds, fps, bFrames, size, keyframeInterval } = options;
  const bits = `if(lt(Y\\,${BIT_PIXELS})\\,235*mod(floor(N/pow(2\\,floor(X/${BIT_PIXELS})))\\,2)\\,lum(X\\,Y))`;
  const args = ["-y", "-hide_banner", "-loglevel", "error"];
  args.push("-f", "lavfi", "-i", `testsrc2=size=${size}:rate=${fps}`);
  args.push("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000");
  args.push("-t", String(seconds), "-vf", `format=yuv420p,geq=lum='${bits}':cb='cb(X,Y)':cr='cr(X,Y)'`);
  args.push("-c:v", "libx264", "-preset", "veryfast", "-profile:v", bFrames > 0 ? "high" : "main");
  args.push("-bf", String(bFrames), "-g", String(keyframeInterval), "-sc_threshold", "0", "-b:v", "1M");
  args.push("-c:a", "aac", "-b:a", "96k", "-ac", "2", path);
  execFileSync("ffmpeg", args, { stdio: "inherit" });
}
