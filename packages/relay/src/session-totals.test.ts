import { createMemoryPair, MemoryClock } from "@canopy/transport/memory";
import { describe, expect, it } from "vitest";
import { SessionTotals } from "./session-totals.ts";

describe("SessionTotals", () => {
  it("keeps what closed sessions had, and looks at open ones once per scrape", () => {
    let nowMs = 0;
    const totals = new SessionTotals({ nowMs: () => nowMs });
    const clock = new MemoryClock();
    const [client, server] = createMemoryPair({ clock });
    totals.add(client);
    totals.add(server);
    client.openUni()?.write(new Uint8Array(1_000));
    clock.advance(50);
    const { sentBytes } = totals.of("memory");
    expect(sentBytes).toBe(client.stats().sentBytes + server.stats().sentBytes);
    expect(sentBytes).toBeGreaterThanOrEqual(1_000);

    client.openUni()?.write(new Uint8Array(500));
    clock.advance(50);
    expect(totals.of("memory").sentBytes).toBe(sentBytes);
    nowMs += 1_000;
    const later = totals.of("memory").sentBytes;
    expect(later).toBeGreaterThanOrEqual(sentBytes + 500);

    totals.remove(client);
    totals.remove(client);
    totals.remove(server);
    nowMs += 1_000;
    expect(totals.of("memory").sentBytes).toBe(later);
    expect(totals.of("quic").sentBytes).toBe(0);
    expect(totals.bufferedBytes()).toBe(0);
  });
});
