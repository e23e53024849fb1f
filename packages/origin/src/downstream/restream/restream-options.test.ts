import { describe, expect, it } from "vitest";
import { isAllowedHost } from "./restream-options.ts";

describe("isAllowedHost", () => {
  it("lets everything through without a list", () => {
    expect(isAllowedHost("10.0.0.1", [])).toBe(true);
  });

  it("takes names whatever their case, and names below a wildcard, but not the bare suffix", () => {
    const allowed = ["Live.Example.com", "*.cdn.example", "192.0.2.7"];
    expect(isAllowedHost("live.example.COM", allowed)).toBe(true);
    expect(isAllowedHost("a.b.cdn.example", allowed)).toBe(true);
    expect(isAllowedHost("192.0.2.7", allowed)).toBe(true);
    expect(isAllowedHost("cdn.example", allowed)).toBe(false);
    expect(isAllowedHost("evilcdn.example", allowed)).toBe(false);
    expect(isAllowedHost("169.254.169.254", allowed)).toBe(false);
  });
});
