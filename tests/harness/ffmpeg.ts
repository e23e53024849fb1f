import { execFileSync } from "node:child_process";
import { type StartedProcess, startProcess } from "./child-process.ts";
import { cachedClip } from "./clip-cache.ts";

export interface ClipOptions {
  readonly seconds?: number;
  readonly fps?: number;
  readonly bFrames?: number;
  readonly video?: boolean;
  readonly audio?: boolean;
  readonly size?: string;
  readonly profile?: "baseline" | "main" | "high";
  /** Keyframe interval in frames. */
  readonly keyframeInterval?: number;
  /** Bitrate of the video. */
  readonly bitrateKbps?: number;
}

/** Makes (once) an MP4 with ffmpeg's test picture and tone, and returns its path. */
export function makeClip(options: ClipOptions = {}): string {
  const { seconds = 20, fps = 30, bFrames = 0, video = true, audio = true, size = "640x360" } = options;
  const profile = options.profile ?? (bFrames > 0 ? "high" : "main");
  const keyframeInterval = options.keyframeInterval ?? fps;
  const bitrateKbps = options.bitrateKbps ?? 1_000;
  const name = `${seconds}s-${fps}fps-b${bFrames}-${video ? profile : "novideo"}-${audio ? "aac" : "noaudio"}-${size}-k${keyframeInterval}-${bitrateKbps}k.mp4`;
  const args = ["-y", "-hide_banner", "-loglevel", "error"];
  if (video) args.push("-f", "lavfi", "-i", `testsrc2=size=${size}:rate=${fps}`);
  if (audio) args.push("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000");
  args.push("-t", String(seconds));
  if (video) {
    args.push("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-profile:v", profile);
    args.push("-bf", String(bFrames), "-g", String(keyframeInterval), "-b:v", `${bitrateKbps}k`);
    args.push("-maxrate", `${bitrateKbps}k`, "-bufsize", `${bitrateKbps}k`);
  }
  if (audio) args.push("-c:a", "aac", "-b:a", "96k", "-ac", "2");
  return cachedClip(name, (path) => execFileSync("ffmpeg", [...args, path], { stdio: "inherit" }));
}

/** Encodes a raw H.264 stream again with B-frames, so that what is burnt into its pictures stays, and returns its path. */
export function makeBFrameClip(rawH264: string, path: string): string {
  const args = ["-y", "-hide_banner", "-loglevel", "error", "-r", "30", "-f", "h264", "-i", rawH264];
  args.push("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-bf", "2", "-b_strategy", "0");
  args.push("-g", "30", "-pix_fmt", "yuv420p", "-b:v", "800k", path);
  execFileSync("ffmpeg", args, { stdio: "inherit" });
  return path;
}

/** Publishes a file in real time, endlessly, exactly as the README's command does. */
export function publishWithFfmpeg(file: string, url: string): StartedProcess {
  const args = ["-hide_banner", "-loglevel", "warning", "-stream_loop", "-1", "-re", "-i", file];
  return startProcess("ffmpeg", [...args, "-c", "copy", "-f", "flv", url]);
}
