import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StartedProcess, startProcess } from "./child-process.ts";
import { findFreePorts } from "./free-ports.ts";
import { waitFor } from "./wait-for.ts";

/**
 * nginx with its RTMP module (Debian's nginx and libnginx-mod-rtmp): a real RTMP server that records every connection
 * into a file of its own. It can be killed and started again.
 */
export class NginxRtmp implements AsyncDisposable {
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "canopy-nginx-"));
  readonly #port: number;
  #process: StartedProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.url = `rtmp://127.0.0.1:${port}/live`;
    mkdirSync(join(this.#folder, "flv"), { mode: 0o777 });
    writeFileSync(join(this.#folder, "nginx.conf"), configuration(this.#folder, port));
  }

  static async start(): Promise<NginxRtmp> {
    const server = new NginxRtmp(await findFreePorts(1));
    await server.up();
    return server;
  }

  async up(): Promise<void> {
    this.#process = startProcess("/usr/sbin/nginx", ["-c", join(this.#folder, "nginx.conf"), "-e", "stderr"]);
    await waitFor(
      () => `nginx to listen; it printed: ${this.#process?.output()}`,
      () => isListening(this.#port),
    );
  }

  async kill(): Promise<void> {
    this.#process?.child.kill("SIGKILL");
    await this.#process?.exited;
  }

  /** What it has recorded, oldest first. */
  recordings(): string[] {
    const folder = join(this.#folder, "flv");
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One process without a master, which the test can kill. */
function configuration(folder: string, port: number): string {
  return `
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
daemon off;
master_process off;
user root;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
rtmp {
  server {
    listen 127.0.0.1:${port};
    application live {
      live on;
      record all;
      record_unique on;
      record_suffix -%s.flv;
      record_path ${folder}/flv;
    }
  }
}
`;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

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

/** What ffprobe says about a file, packet by packet. */
export function probe(file: string): ProbedFile {
  const entries =
    "stream=index,codec_type,codec_name:format=duration:packet=codec_type,pts_time,dts_time,flags";
  const args = ["-v", "error", "-show_entries", entries, "-of", "json", file];
  const answer = JSON.parse(
    execFileSync("ffprobe", args, { maxBuffer: 512 * 1024 * 1024 }).toString("utf8"),
  ) as {
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
export function decodeErrors(input: string, options: readonly string[] = []): string {
  const args = ["-nostdin", "-v", "warning", "-xerror", ...options, "-i", input, "-f", "null", "-"];
  try {
    return execFileSync("ffmpeg", args, {
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 64 * 1024 * 1024,
    }).toString("utf8");
  } catch (error) {
    return String((error as { readonly stderr?: Buffer }).stderr ?? error);
  }
}
