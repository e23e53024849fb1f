import { defineGroup, numberOption, portOption } from "@canopy/runtime";

export const rtmpGroup = defineGroup("RTMP from publishers.", {
  port: portOption({
    name: "rtmp-port",
    default: 1935,
    description: "TCP port for RTMP; 0 is any free one.",
  }),
  maxConnections: numberOption({
    name: "rtmp-max-connections",
    default: 200,
    min: 1,
    max: 10_000,
    description: "RTMP connections at one time.",
  }),
  maxConnectionsPerAddress: numberOption({
    name: "rtmp-max-connections-per-address",
    default: 100,
    min: 1,
    max: 10_000,
    description: "As many of those may one address have.",
  }),
});
