import { describe, expect, it } from "vitest";
import { TrustedProxies } from "./trusted-proxies.ts";

describe("TrustedProxies", () => {
  const proxies = new TrustedProxies(["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]);

  it("believes the header of its proxies alone", () => {
    expect(proxies.clientOf("203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
    expect(proxies.clientOf("::ffff:10.1.2.3", "198.51.100.1")).toBe("198.51.100.1");
    expect(proxies.clientOf("2001:db8::5", "198.51.100.1")).toBe("198.51.100.1");
    expect(new TrustedProxies([]).clientOf("127.0.0.1", "198.51.100.1")).toBe("127.0.0.1");
  });

  it("does not believe what the client wrote to the left of what the proxies wrote", () => {
    expect(proxies.clientOf("10.1.2.3", "1.1.1.1, 198.51.100.1, 10.9.9.9")).toBe("198.51.100.1");
    expect(proxies.clientOf("10.1.2.3", "1.1.1.1, nonsense, 192.0.2.1")).toBe("192.0.2.1");
    expect(proxies.clientOf("10.1.2.3", `${"8.8.8.8, ".repeat(10_000)}10.1.1.1`)).toBe("8.8.8.8");
    expect(proxies.clientOf("10.1.2.3", undefined)).toBe("10.1.2.3");
  });

  it.each(["proxy.example.com", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/x", ""])("refuses %j", (network) => {
    expect(() => new TrustedProxies([network])).toThrowError(/--trusted-proxy must be/);
  });
});
