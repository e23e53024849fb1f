import { availableParallelism } from "node:os";
import { ConfigError } from "@canopy/runtime";
import { WEBRTC_PORT_OFFSET } from "../node/open-webrtc.ts";

/** Viewers arrive at this tier and below; relays have no WebRTC. */
const EDGE_TIER = 2;
const MAX_PORT = 65_535;

/** The settings that workers may not have in common. */
export interface SharedSettings {
  readonly workers: "auto" | number;
  readonly port: number;
  readonly nodeName: string | undefined;
  readonly tier: number;
  readonly webrtc: { readonly off: boolean; readonly port: number | undefined };
  /** Under which the first worker is reached; the others are reached at the following ports. */
  readonly publicUrl?: string | undefined;
  readonly publicHttpUrl?: string | undefined;
}

export interface WorkerPlan {
  /** For messages. */
  readonly name: string;
  readonly port: number;
  readonly args: readonly string[];
}

/** How many processes `--workers` asks for. */
export function workerCount(workers: "auto" | number): number {
  return workers === "auto" ? availableParallelism() : workers;
}

/**
 * The processes of a node with several workers: each is a node of its own on the next port. `args` are those of the
 * command itself; what differs follows them, and the last of two flags wins. The first worker takes broadcasts from
 * the node's parents, the others from the first. Throws code `config-invalid`.
 */
export function planWorkers(settings: SharedSettings, args: readonly string[]): readonly WorkerPlan[] {
  const count = workerCount(settings.workers);
  const { port, webrtc } = settings;
  if (port === 0) throw wrong("--workers needs a --port: the workers take consecutive ones", "--port");
  checkRange(port, count, "--port");
  const hasWebRtc = !webrtc.off && settings.tier >= EDGE_TIER;
  const firstMediaPort = webrtc.port ?? port + WEBRTC_PORT_OFFSET;
  if (hasWebRtc && firstMediaPort !== 0) {
    checkRange(firstMediaPort, count, "--webrtc-port");
    if (firstMediaPort < port + count && port < firstMediaPort + count) {
      throw wrong(
        `${count} workers take the ports from ${port} and the WebRTC ports from ${firstMediaPort}, which overlap`,
        "--webrtc-port",
      );
    }
  }
  return Array.from({ length: count }, (_, index) => {
    const own = ["--workers", "1", "--port", String(port + index)];
    if (index > 0) own.push("--local-parent", String(port));
    if (hasWebRtc && firstMediaPort !== 0) own.push("--webrtc-port", String(firstMediaPort + index));
    if (settings.nodeName !== undefined) own.push("--node-name", `${settings.nodeName}-${index + 1}`);
    for (const [flag, url] of [
      ["--public-url", settings.publicUrl],
      ["--public-http-url", settings.publicHttpUrl],
    ] as const) {
      if (url !== undefined && index > 0) own.push(flag, atNextPort(url, index, flag));
    }
    return { name: `worker ${index + 1}`, port: port + index, args: [...args, ...own] };
  });
}

function atNextPort(url: string, distance: number, flag: string): string {
  if (!URL.canParse(url)) throw wrong(`${flag} must be a URL such as https://edge.example.com:4443`, flag);
  const next = new URL(url);
  const port = next.port === "" ? (next.protocol === "https:" ? 443 : 80) : Number(next.port);
  next.port = String(port + distance);
  return next.origin;
}

function checkRange(first: number, count: number, option: string): void {
  if (first + count - 1 <= MAX_PORT) return;
  throw wrong(`${count} workers from port ${first} on would go beyond port ${MAX_PORT}`, option);
}

function wrong(message: string, option: string): ConfigError {
  return new ConfigError("config-invalid", message, option);
}
