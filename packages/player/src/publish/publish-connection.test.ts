import { forwardEvents, MoqSession, ServedBroadcast, ServedTrack } from "@canopy/protocol";
import { createMemoryPair } from "@canopy/transport/memory";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PublishConnection } from "./publish-connection.ts";

beforeEach(() => {
  vi.useFakeTimers();
  // The origin does not tell the time.
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A publisher whose origin knows of the broadcast; what is sent arrives when `pair.clock` is moved. */
async function publish() {
  const pair = createMemoryPair();
  const log: string[] = [];
  const origin = new MoqSession(
    { wire: pair.server, role: "server", originId: 1 },
    new ServedBroadcast("", []).handler({ onReady: () => {}, onGoaway: () => {} }),
  );
  pair.server.handler = forwardEvents(origin, () => log.push("closed"));
  origin.announcements("", 0, {
    onActive: (path) => log.push(`active ${path}`),
    onReplaced: () => {},
    onEnded: (path) => log.push(`ended ${path}`),
    onReady: () => {},
    onClosed: () => {},
  });
  const info = { priority: 60, ordered: false, maxLatencyMs: 30_000, timescale: 1_000_000 };
  const connection = new PublishConnection(
    { url: "https://origin/", token: undefined },
    {
      broadcast: new ServedBroadcast("live/demo", [new ServedTrack("video", info, 1)]),
      clock: { nowUs: () => 0 },
      onUp: () => {},
      onDown: () => {},
      onFailed: ({ message }) => log.push(message),
      onClockOffset: () => {},
    },
    async () => ({ session: pair.client, timeBaseUrl: "http://origin/", handshakeMs: 0 }),
  );
  await vi.advanceTimersByTimeAsync(0);
  pair.clock.run();
  expect(log).toEqual(["active live/demo"]);
  return { pair, log, connection };
}

describe("PublishConnection", () => {
  it("closes after the origin has heard of the end, however long that takes to be sent", async () => {
    const { pair, log, connection } = await publish();
    connection.close();
    await vi.advanceTimersByTimeAsync(1_500);
    expect(pair.client.closed).toBe(false);
    pair.clock.run();
    expect(log).toEqual(["active live/demo", "ended live/demo"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(pair.client.closed).toBe(true);
  });

  it("gives what is unsent a moment where the origin has heard at once", async () => {
    const { pair, connection } = await publish();
    connection.close();
    pair.clock.run();
    await vi.advanceTimersByTimeAsync(299);
    expect(pair.client.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(pair.client.closed).toBe(true);
  });

  it("waits two seconds at most", async () => {
    const { pair, connection } = await publish();
    connection.close();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(pair.client.closed).toBe(true);
  });
});
