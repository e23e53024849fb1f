import { ConnectError, connectWebTransport, isWebTransportSupported } from "@canopy/transport/browser";
import { PlayerError } from "../../player-error.ts";
import { resolveEdge } from "../edge-url.ts";
import { explainRefusal } from "../explain-refusal.ts";
import type { UpstreamFactory } from "../upstream.ts";
import { MoqUpstream } from "./moq-upstream.ts";

/** MoQ over the browser's WebTransport, decoded by WebCodecs: the way with the least latency. */
export const webTransportUpstream: UpstreamFactory = {
  transport: "webtransport",
  unsupportedReason: () => {
    if (!isWebTransportSupported()) return "this browser has no WebTransport";
    return webCodecsMissing();
  },
  open: (request, sink, deps) =>
    new MoqUpstream(
      {
        transport: "webtransport",
        dial: async ({ src, token }, { fetch, protocols, signal }) => {
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
        },
      },
      request,
      sink,
      deps,
    ),
};

/** Why encoded frames cannot be played in this browser. */
export function webCodecsMissing(): string | undefined {
  if (typeof VideoDecoder !== "function") return "this browser has no WebCodecs, or the page is not secure";
  return undefined;
}
