import { describe, expect, it } from "vitest";
import { AddressRate } from "./address-rate.ts";

const ask = (rate: AddressRate, address: string, times: number, nowMs: number): number =>
  Array.from({ length: times }, () => rate.take(address, nowMs)).filter(Boolean).length;

describe("AddressRate", () => {
  it("lets a burst through, then as many as the rate gives back", () => {
    const rate = new AddressRate({ perSecond: 10, burst: 20 });
    expect(ask(rate, "192.0.2.1", 30, 0)).toBe(20);
    expect(ask(rate, "192.0.2.1", 30, 500)).toBe(5);
    expect(ask(rate, "192.0.2.1", 30, 60_000)).toBe(20);
  });

  it("does not let one address pay for another, and takes a /64 for one", () => {
    const rate = new AddressRate({ perSecond: 1, burst: 1 });
    expect(ask(rate, "2001:db8::1", 2, 0)).toBe(1);
    expect(ask(rate, "2001:db8::2", 2, 0)).toBe(0);
    expect(ask(rate, "2001:db8:0:1::2", 2, 0)).toBe(1);
  });

  it("remembers a bounded number of addresses, those that were seen last", () => {
    const rate = new AddressRate({ perSecond: 1, burst: 1, maxAddresses: 100 });
    for (let index = 0; index < 1_000; index++) {
      rate.take(`10.0.${index >> 8}.${index & 255}`, 0);
      rate.take("192.0.2.1", 0);
    }
    expect(rate.size).toBe(100);
    expect(rate.take("192.0.2.1", 0)).toBe(false);
  });

  it("limits nothing at a rate of 0", () => {
    const rate = new AddressRate({ perSecond: 0, burst: 0 });
    expect(ask(rate, "192.0.2.1", 1_000, 0)).toBe(1_000);
    expect(rate.size).toBe(0);
  });
});
