import { describe, expect, it } from "vitest";
import { addressKey, withoutPort } from "./address-key.ts";

describe("addressKey", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["[2001:db8:1:2::9]", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002:aaaa::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["", ""],
  ])("counts %s as %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

describe("withoutPort", () => {
  it("takes the port off, of IPv6 too", () => {
    expect(withoutPort("192.0.2.7:443")).toBe("192.0.2.7");
    expect(withoutPort("[::1]:443")).toBe("[::1]");
  });
});
