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
