import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { ConfigError, listenError } from "@canopy/runtime";
import { WEBRTC_PORT_OFFSET } from "../node/open-webrtc.ts";

/** Everything of `canopy dev` listens here. */
export const DEV_HOST = "127.0.0.1";

export interface DevPorts {
  readonly console: number;
  readonly origin: number;
  readonly rtmp: number;
  readonly relay: number;
  readonly edges: readonly number[];
}

interface PlannedPort {
  readonly port: number;
  readonly option: string;
  readonly tcp: boolean;
  readonly udp: boolean;
}

/** Lays out the ports and refuses two uses of one number. */
export function planPorts(config: {
  readonly port: number;
  readonly originPort: number;
  readonly rtmpPort: number;
  readonly relayPort: number;
  readonly edgePort: number;
  readonly edges: number;
}): DevPorts {
  const ports: DevPorts = {
    console: config.port,
    origin: config.originPort,
    rtmp: config.rtmpPort,
    relay: config.relayPort,
    edges: Array.from({ length: config.edges }, (_, index) => config.edgePort + index),
  };
  const owners = new Map<number, string>();
  for (const { port, option } of plannedPorts(ports)) {
    const owner = owners.get(port);
    if (owner !== undefined || port === 0 || port > 65_535) {
      const problem =
        port === 0 || port > 65_535 ? "is not from 1 to 65535" : `is also what --${owner} takes`;
      throw new ConfigError("config-invalid", `port ${port} of --${option} ${problem}`, `--${option}`);
    }
    owners.set(port, option);
  }
  return ports;
}

/**
 * Throws code `listen-failed` naming the option of the first port that is taken. A node could say so too, but only
 * after others have started, and it does not know the options of `canopy dev`.
 */
export async function checkPortsAreFree(ports: DevPorts): Promise<void> {
  for (const { port, option, tcp, udp } of plannedPorts(ports)) {
    try {
      if (tcp) await tryTcp(port);
      if (udp) await tryUdp(port);
    } catch (error) {
      throw listenError(error, { host: DEV_HOST, port, portOption: option });
    }
  }
}

function plannedPorts(ports: DevPorts): PlannedPort[] {
  return [
    { port: ports.console, option: "port", tcp: true, udp: false },
    { port: ports.origin, option: "origin-port", tcp: true, udp: true },
    { port: ports.rtmp, option: "rtmp-port", tcp: true, udp: false },
    { port: ports.relay, option: "relay-port", tcp: true, udp: true },
    ...ports.edges.map((port) => ({ port, option: "edge-port", tcp: true, udp: true })),
    // The media of WHIP and WHEP.
    webrtcPort(ports.origin, "origin-port"),
    ...ports.edges.map((port) => webrtcPort(port, "edge-port")),
  ];
}

function webrtcPort(port: number, option: string): PlannedPort {
  return { port: port + WEBRTC_PORT_OFFSET, option, tcp: false, udp: true };
}

function tryTcp(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => server.close(() => reject(error)));
    server.listen(port, DEV_HOST, () => server.close(() => resolve()));
  });
}

function tryUdp(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", (error) => socket.close(() => reject(error)));
    socket.bind(port, DEV_HOST, () => socket.close(() => resolve()));
  });
}
