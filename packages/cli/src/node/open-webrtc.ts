import type { AnnouncedIceServer } from "@canopy/relay/webrtc";
import { ConfigError, type ConfigOf, RuntimeError } from "@canopy/runtime";
import { openWebRtcEngine, type WebRtcEngine, WebRtcError } from "@canopy/transport/webrtc";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import type { NodeParts } from "./create-node-parts.ts";

type WebRtcConfig = Pick<ConfigOf<(typeof COMMAND_GROUPS)["origin"]>, "listen" | "webrtc">;

/** Distance of the WebRTC port from the node's own. */
export const WEBRTC_PORT_OFFSET = 1_000;
const MAX_PORT = 65_535;

/** The node's WebRTC engine; undefined if it is turned off. Throws codes `listen-failed` and `config-invalid`. */
export async function openWebRtc(
  config: WebRtcConfig,
  parts: Pick<NodeParts, "logger">,
): Promise<WebRtcEngine | undefined> {
  const { listen, webrtc } = config;
  if (webrtc.off) return undefined;
  const { host } = listen;
  const port = webrtc.port ?? defaultPort(listen.port);
  try {
    return await openWebRtcEngine(
      {
        host,
        port,
        publicAddresses: webrtc.publicAddresses,
        limits: { maxPeers: listen.maxSessions, maxHalfOpen: webrtc.maxHalfOpen },
      },
      { logger: parts.logger.child("webrtc") },
    );
  } catch (error) {
    if (!(error instanceof WebRtcError)) throw error;
    const cause = { cause: error };
    if (error.code === "unsupported-platform" && webrtc.port === undefined) {
      // Everything else works here: only who asked for WebRTC by name is refused.
      parts.logger.warn({ err: error }, "this node takes no WebRTC connections");
      return undefined;
    }
    if (error.code === "listen-failed") {
      const message = `UDP port ${port} on ${host} is in use; choose another one with --webrtc-port`;
      throw new RuntimeError("listen-failed", message, cause);
    }
    const failure = new ConfigError("config-invalid", error.message, "--webrtc-port");
    failure.cause = error;
    throw failure;
  }
}

function defaultPort(port: number): number {
  if (port === 0) return 0;
  if (port + WEBRTC_PORT_OFFSET <= MAX_PORT) return port + WEBRTC_PORT_OFFSET;
  throw new ConfigError(
    "config-invalid",
    `the WebRTC port would be ${port + WEBRTC_PORT_OFFSET}; choose one with --webrtc-port`,
    "--webrtc-port",
  );
}

/** RFC 7064, RFC 7065, and in front of a TURN server's host what it is used with. */
const ICE_SERVER = /^(stuns?|turns?):(?:([^:@\s]+):([^@\s]+)@)?([^@\s]+)$/;

/** Throws code `config-invalid`; the message holds no secret. */
export function parseIceServers(texts: readonly string[]): readonly AnnouncedIceServer[] {
  return texts.map((text) => {
    const [, scheme, username, credential, host] = ICE_SERVER.exec(text) ?? [];
    if (scheme === undefined || host === undefined || (scheme.startsWith("turn") && username === undefined)) {
      throw new ConfigError(
        "config-invalid",
        "--ice-server must be like stun:stun.example.com:3478 or turn:user:secret@turn.example.com:3478",
        "--ice-server",
      );
    }
    const url = `${scheme}:${host}`;
    return username === undefined || credential === undefined ? { url } : { url, username, credential };
  });
}
