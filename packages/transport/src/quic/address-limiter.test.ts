import { describe, expect, test } from "vitest";
import { AddressLimiter } from "./address-limiter.ts";

const options = { handshakesPerSecond: 2, burst: 3, maxSessions: 2, maxAddresses: 4 };

describe("AddressLimiter", () => {
  test("admits a burst, then the rate", () => {
    const limiter = new AddressLimiter(options);
    const at = (nowMs: number) => limiter.admit("192.0.2.1", nowMs);
    expect([at(0), at(0), at(0), at(0)]).toEqual(["admitted", "admitted", "admitted", "rate-limited"]);
    expect(at(500)).toBe("admitted");
    expect(at(500)).toBe("rate-limited");
    expect(limiter.admit("192.0.2.2", 500)).toBe("admitted");
  });

  test("counts the handshakes under way of an address", () => {
    const limiter = new AddressLimiter({ ...options, maxSessions: 100, burst: 100, maxHandshakes: 2 });
    limiter.opened("2001:db8::1", 0);
    limiter.opened("2001:db8::2", 0);
    expect(limiter.admit("2001:db8::3", 0)).toBe("address-limit");
    expect(limiter.admit("2001:db8:0:1::3", 0)).toBe("admitted");
    limiter.handshakeOver("2001:db8::1");
    expect(limiter.admit("2001:db8::3", 0)).toBe("admitted");
    limiter.handshakeOver("192.0.2.9");
  });

  test("counts the sessions of an address", () => {
    const limiter = new AddressLimiter(options);
    limiter.opened("192.0.2.1", 0);
    limiter.opened("192.0.2.1", 0);
    expect(limiter.admit("192.0.2.1", 0)).toBe("address-limit");
    limiter.closed("192.0.2.1");
    expect(limiter.admit("192.0.2.1", 0)).toBe("admitted");
    limiter.closed("192.0.2.9");
  });

  test("remembers no more addresses than it may, and those with sessions longest", () => {
    const limiter = new AddressLimiter(options);
    limiter.opened("busy", 0);
    limiter.opened("busy", 0);
    for (let index = 0; index < 100; index += 1) limiter.admit(`address ${index}`, index);
    expect(limiter.size).toBe(4);
    expect(limiter.admit("busy", 200)).toBe("address-limit");
    for (let index = 0; index < 100; index += 1) limiter.opened(`open ${index}`, index);
    expect(limiter.size).toBe(4);
  });
});
