import type { WebRtcIceServer } from "./webrtc-engine.ts";
import { WebRtcError } from "./webrtc-error.ts";

/** What the native engine takes. */
export interface NativeIceServer {
  readonly hostname: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly relayType?: "TurnUdp";
}

/** RFC 7064 section 3.1 and RFC 7065 section 3.1; the default port is the same for both. */
const URL_FORM = /^(stun|turn):([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(?:\?transport=udp)?$/;
const DEFAULT_PORT = 3_478;

/** Throws `invalid-options`: over TLS or TCP the engine cannot reach a server. */
export function parseIceServer(server: WebRtcIceServer): NativeIceServer {
  const match = URL_FORM.exec(server.url);
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (match?.[2] === undefined || port < 1 || port > 65_535)
    throw new WebRtcError("invalid-options", `not a STUN or TURN URL over UDP: ${server.url}`);
  const hostname = match[2].replace(/^\[|\]$/g, "");
  if (match[1] === "stun") return { hostname, port };
  if (server.username === undefined || server.credential === undefined)
    throw new WebRtcError(
      "invalid-options",
      `a TURN server needs a user name and a credential: ${server.url}`,
    );
  return { hostname, port, username: server.username, password: server.credential, relayType: "TurnUdp" };
}
