import { describe, expect, test } from "vitest";
import type { SessionClose, SessionHandler } from "../session.ts";
import { createMemoryPair } from "./create-memory-pair.ts";

function recordCloses(closes: SessionClose[]): SessionHandler {
  return {
    onUniStream: () => {},
    onBidiStream: () => {},
    onDatagram: () => {},
    onStreamsAvailable: () => {},
    onClose: (close) => closes.push(close),
  };
}

describe("createMemoryPair", () => {
  test("can be taken apart by name and by position", () => {
    const pair = createMemoryPair();
    const [client, server] = pair;
    expect(client).toBe(pair.client);
    expect(server).toBe(pair.server);
  });

  test("delivers after the delay of the link and at its rate", () => {
    const { client, server, clock } = createMemoryPair({ delayMs: 10, bandwidthBps: 80_000 });
    let bytes = 0;
    server.handler = {
      ...recordCloses([]),
      onUniStream: (stream) => {
        stream.receiver = {
          onData: (data) => {
            bytes += data.length;
          },
          onReset: () => {},
        };
      },
    };
    client.handler = recordCloses([]);
    client.openUni()?.write(new Uint8Array(12_000));
    clock.advance(9);
    expect(bytes).toBe(0);
    clock.advance(601);
    expect(bytes).toBe(6_000);
    clock.run();
    expect(bytes).toBe(12_000);
  });

  test("goes silent when it is cut, and closes by itself later", () => {
    const { client, server, clock, cut } = createMemoryPair({ idleTimeoutMs: 1_000 });
    const closes: SessionClose[] = [];
    client.handler = recordCloses(closes);
    server.handler = recordCloses(closes);
    cut();
    client.ping();
    clock.advance(500);
    expect(client.stats().silentMs).toBe(500);
    expect(closes).toEqual([]);
    clock.advance(500);
    expect(closes).toEqual([
      { code: undefined, reason: "idle", remote: false },
      { code: undefined, reason: "idle", remote: false },
    ]);
  });

  test("closes a session that buffers more than its bound", () => {
    const { client, server, clock } = createMemoryPair({ maxSessionBufferBytes: 1_000 });
    const closes: SessionClose[] = [];
    client.handler = recordCloses(closes);
    server.handler = recordCloses(closes);
    client.openUni()?.write(new Uint8Array(1_001));
    clock.run();
    expect(closes.map((close) => close.remote)).toEqual([true, false]);
    expect(client.closed && server.closed).toBe(true);
  });
});
