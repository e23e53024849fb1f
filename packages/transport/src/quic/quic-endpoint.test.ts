import type { Socket } from "node:dgram";
import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { ResetTokens } from "./connection-id.ts";
import { createQuicCounters } from "./quic-counters.ts";
import { QuicEndpoint } from "./quic-endpoint.ts";
import { QuicLoop } from "./quic-loop.ts";

const PACKETS = 40;

/** A socket whose kernel takes nothing, or everything, at once. */
class FakeSocket extends EventEmitter {
  readonly buffers: Uint8Array[] = [];
  readonly #takesAll: boolean;

  constructor(takesAll: boolean) {
    super();
    this.#takesAll = takesAll;
  }

  address(): { address: string; port: number } {
    return { address: "127.0.0.1", port: 4443 };
  }

  send(buffer: Uint8Array): void {
    this.buffers.push(buffer);
  }

  getSendQueueCount(): number {
    return this.#takesAll ? 0 : this.buffers.length;
  }

  close(): void {}
}

function sendThrough(takesAll: boolean): Set<Uint8Array> {
  const socket = new FakeSocket(takesAll);
  const endpoint = new QuicEndpoint({
    socket: socket as unknown as Socket,
    loop: new QuicLoop({ flush: 0 }),
    counters: createQuicCounters(),
    resetTokens: new ResetTokens(new Uint8Array(32)),
    onUnknownPacket: () => {},
    onSocketError: () => {},
  });
  for (let packet = 0; packet < PACKETS; packet += 1) {
    endpoint.packetBuffer[0] = packet;
    endpoint.sendPacket(1, { host: "127.0.0.1", port: 5_000 });
  }
  endpoint.close();
  expect(socket.buffers).toHaveLength(PACKETS);
  return new Set(socket.buffers);
}

describe("QuicEndpoint", () => {
  it("never writes into a packet that the kernel has not taken yet", () => {
    expect(sendThrough(false).size).toBe(PACKETS);
  });

  it("uses few buffers while the kernel keeps up", () => {
    expect(sendThrough(true).size).toBeLessThanOrEqual(8);
  });

  it("drops packets from port 0, where nobody could be answered", () => {
    const socket = new FakeSocket(true);
    const counters = createQuicCounters();
    const unknown: number[] = [];
    const endpoint = new QuicEndpoint({
      socket: socket as unknown as Socket,
      loop: new QuicLoop({ flush: 0 }),
      counters,
      resetTokens: new ResetTokens(new Uint8Array(32)),
      onUnknownPacket: (_packet, { port }) => unknown.push(port),
      onSocketError: () => {},
    });
    for (const port of [0, 5_000]) {
      socket.emit("message", Buffer.alloc(60, 0x40), {
        address: "127.0.0.1",
        family: "IPv4",
        port,
        size: 60,
      });
    }
    endpoint.close();
    expect(unknown).toEqual([5_000]);
    expect(counters.packetsDropped.malformed).toBe(1);
  });
});
