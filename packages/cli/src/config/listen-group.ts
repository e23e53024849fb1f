import { defineGroup, numberOption, portOption, switchOption, textOption } from "@canopy/runtime";

/** Where a node listens; the default port differs between the roles. */
export function listenGroup(defaultPort: number) {
  return defineGroup("Where the node listens, and how many it lets in.", {
    host: textOption({
      name: "host",
      default: "0.0.0.0",
      description: "Address to listen on, for all of the node's ports.",
    }),
    port: portOption({
      name: "port",
      default: defaultPort,
      description: "TCP (HTTP) and UDP (QUIC) port; 0 is any free one.",
    }),
    name: textOption({
      name: "node-name",
      default: undefined,
      description: "Name of the node in the topology and in logs; host and port if not given.",
    }),
    maxSessions: numberOption({
      name: "max-sessions",
      default: 2_000,
      min: 1,
      max: 100_000,
      description: "Sessions (viewers, children, publishers) at one time.",
    }),
    maxSessionsPerAddress: numberOption({
      name: "max-sessions-per-address",
      default: 1_000,
      min: 1,
      max: 100_000,
      description: "Sessions at one time from one IP address; many viewers may share one.",
    }),
    webTransportOverWebSocket: switchOption({
      name: "webtransport-over-websocket",
      description:
        "Beside QMux, takes sessions of `@fails-components/webtransport` on WebSockets; its clients need TLS.",
    }),
    drainSeconds: numberOption({
      name: "drain-time",
      default: 5,
      min: 0,
      max: 86_400,
      unit: "s",
      description: "How long a node that stops lets its sessions move elsewhere before it closes them.",
    }),
    drainTo: textOption({
      name: "drain-to",
      default: undefined,
      description: "URL that children and viewers are sent to when the node stops.",
    }),
  });
}
