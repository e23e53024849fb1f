import { ConnectError, connectWebTransport } from "@canopy/transport/browser";
import { PlayerError } from "../../player-error.ts";
import { resolveEdge } from "../edge-url.ts";
import { explainRefusal } from "../explain-refusal.ts";
import type { DialedSession, DialOptions } from "./dialed-session.ts";

/** Opens a WebTransport session to a node. Throws `PlayerError`. */
export async function dialWebTransport(
  src: string,
  token: string | undefined,
  { fetch, protocols, signal }: DialOptions,
): Promise<DialedSession> {
  const edge = await resolveEdge(src, token, { fetch, signal });
  const startMs = performance.now();
  try {
    const session = await connectWebTransport(edge.sessionUrl, {
      protocols,
      signal,
      ...(edge.certificateHash === undefined
        ? {}
        : { serverCertificateHashes: [{ algorithm: "sha-256", value: edge.certificateHash }] }),
    });
    return { session, timeBaseUrl: edge.httpUrl, handshakeMs: performance.now() - startMs };
  } catch (cause) {
    if (!(cause instanceof ConnectError)) throw cause;
    const message = `no WebTransport session to ${new URL(src).host}`;
    const failure = new PlayerError("unreachable", message, cause);
    if (cause.code !== "refused") throw failure;
    throw await explainRefusal(edge, failure, { fetch, signal });
  }
}
