import { createSocket } from "node:dgram";
import { describe, expect, it } from "vitest";
import { checkPortsAreFree, planPorts } from "./port-plan.ts";

const config = { port: 1, originPort: 2, rtmpPort: 3, relayPort: 4, edgePort: 5, edges: 3 };

describe("planPorts", () => {
  it("gives the edges consecutive ports", () => {
    expect(planPorts(config)).toEqual({ console: 1, origin: 2, rtmp: 3, relay: 4, edges: [5, 6, 7] });
  });

  it("refuses two uses of one port and ports out of range", () => {
    expect(() => planPorts({ ...config, relayPort: 6 })).toThrow(
      "port 6 of --edge-port is also what --relay-port",
    );
    expect(() => planPorts({ ...config, edgePort: 65_535 })).toThrow(
      "port 65536 of --edge-port is not from 1",
    );
  });
});

describe("checkPortsAreFree", () => {
  it("names the option of a port whose UDP half is taken", async () => {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    const { port } = socket.address();
    try {
      const ports = { console: port, origin: port, rtmp: port, relay: port, edges: [] };
      await expect(checkPortsAreFree(ports)).rejects.toMatchObject({
        code: "listen-failed",
        message: `port ${port} on 127.0.0.1 is in use; choose another one with --origin-port`,
      });
    } finally {
      socket.close();
    }
  });
});
