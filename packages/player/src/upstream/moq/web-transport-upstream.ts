import { isWebTransportSupported } from "@canopy/transport/browser";
import type { UpstreamFactory } from "../upstream.ts";
import { dialWebTransport } from "./dial-web-transport.ts";
import { MoqUpstream } from "./moq-upstream.ts";
import { webCodecsMissing } from "./web-codecs-missing.ts";

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
        dial: ({ src, token }, options) => dialWebTransport(src, token, options),
      },
      request,
      sink,
      deps,
    ),
};
