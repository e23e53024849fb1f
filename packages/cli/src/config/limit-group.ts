import { defineGroup, listOption, numberOption } from "@canopy/runtime";

export const limitGroup = defineGroup(
  "What one address may have. An IPv6 address counts with all of its /64. Many viewers may share one address: the limits are for those who attack.",
  {
    requestsPerAddress: numberOption({
      name: "requests-per-address",
      default: 2_000,
      min: 0,
      max: 1_000_000,
      unit: "requests/s",
      description:
        "HTTP requests from one address, and twice as many at once; more are answered 429. A low-latency HLS player sends about 8 in a second. 0 is no limit.",
    }),
    connectionsPerAddress: numberOption({
      name: "connections-per-address",
      default: 4_000,
      min: 0,
      max: 1_000_000,
      description: "TCP connections at one time from one address; more are closed at once. 0 is no limit.",
    }),
    handshakesPerAddress: numberOption({
      name: "handshakes-per-address",
      default: 500,
      min: 0,
      max: 1_000_000,
      unit: "sessions/s",
      description:
        "Sessions that one address may begin (MoQ, WHIP, WHEP, RTMP), and twice as many at once; more are refused, and from twice the rate on packets of QUIC handshakes are dropped. 0 is no limit.",
    }),
    trustedProxies: listOption({
      name: "trusted-proxy",
      description:
        "Address or network (`10.0.0.0/8`) of a proxy in front of the node, whose `X-Forwarded-For` tells whom to count; several may be given. Nobody else's is looked at.",
    }),
  },
);
