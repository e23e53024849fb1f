import { isWebSocketSupported } from "@canopy/transport/browser";
import type { UpstreamFactory } from "../upstream.ts";
import { dialWebSocket, type WebSocketMapping } from "./dial-web-socket.ts";
import { MoqUpstream } from "./moq-upstream.ts";
import { webCodecsMissing } from "./web-codecs-missing.ts";

/** MoQ over a WebSocket, decoded by WebCodecs: where UDP or WebTransport is missing. */
export const webSocketUpstream: UpstreamFactory = webSocketUpstreamBy("qmux");

export function webSocketUpstreamBy(mapping: WebSocketMapping): UpstreamFactory {
  return {
    transport: "websocket",
    unsupportedReason: () => {
      if (!isWebSocketSupported()) return "this browser has no WebSocket";
      return webCodecsMissing();
    },
    open: (request, sink, deps) =>
      new MoqUpstream(
        {
          transport: "websocket",
          dial: ({ src, token }, options) => dialWebSocket(src, token, options, mapping),
        },
        request,
        sink,
        deps,
      ),
  };
}
