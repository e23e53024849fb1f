import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

export interface ProbedPacket {
  readonly kind: "video" | "audio";
  readonly pts: number;
  readonly dts: number;
  readonly keyframe: boolean;
}

export interface ProbedFile {
  readonly codecs: Readonly<Record<string, string>>;
  readonly durationSeconds: number;
  readonly packets: readonly ProbedPacket[];
}

/** What ffprobe says about a file or URL, packet by packet. */
export async function probe(file: string): Promise<ProbedFile> {
  const entries =
    "stream=index,codec_type,codec_name:format=duration:packet=codec_type,pts_time,dts_time,flags";
  const args = ["-v", "error", "-show_entries", entries, "-of", "json", file];
  const { stdout } = await run("ffprobe", args, { maxBuffer: MAX_OUTPUT_BYTES });
  const answer = JSON.parse(stdout) as {
    readonly streams: readonly { readonly codec_type: string; readonly codec_name: string }[];
    readonly format: { readonly duration?: string };
    readonly packets: readonly {
      readonly codec_type: string;
      readonly pts_time?: string;
      readonly dts_time?: string;
      readonly flags: string;
    }[];
  };
  return {
    codecs: Object.fromEntries(answer.streams.map((stream) => [stream.codec_type, stream.codec_name])),
    durationSeconds: Number(answer.format.duration ?? 0),
    packets: answer.packets
      .filter(({ codec_type: kind }) => kind === "video" || kind === "audio")
      .map((packet) => ({
        kind: packet.codec_type as "video" | "audio",
        pts: Number(packet.pts_time),
        dts: Number(packet.dts_time),
        keyframe: packet.flags.startsWith("K"),
      })),
  };
}

/** Everything that ffmpeg has to say when it decodes a whole file; empty if it is fine. */
export async function decodeErrors(input: string, options: readonly string[] = []): Promise<string> {
  const args = ["-nostdin", "-v", "warning", "-xerror", ...options, "-i", input];
  // Frames keep their times: live pictures are not exactly a frame apart, which is no error of decoding.
  args.push("-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-");
  try {
    const { stderr } = await run("ffmpeg", args, { maxBuffer: MAX_OUTPUT_BYTES });
    return stderr;
  } catch (error) {
    return String((error as { readonly stderr?: string }).stderr ?? error);
  }
}
