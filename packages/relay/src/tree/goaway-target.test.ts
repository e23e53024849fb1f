import { describe, expect, it } from "vitest";
import { isSameNode, readGoawayTarget } from "./goaway-target.ts";

const FAR = "https://relay.example.com:4441";

describe("readGoawayTarget", () => {
  it("follows an https URL, and leaves the choice open where there is none", () => {
    const url = "https://relay-2.example.com:4441/";
    expect(readGoawayTarget(url, FAR)).toEqual({ kind: "url", url });
    expect(readGoawayTarget("", FAR)).toEqual({ kind: "own-choice" });
  });

  it.each([
    ["nowhere", "malformed"],
    ["/relative", "malformed"],
    [`https://a.example/${"x".repeat(3_000)}`, "malformed"],
    ["http://a.example:4441/", "not-https"],
    ["file:///etc/passwd", "not-https"],
    ["javascript:alert(1)", "not-https"],
    ["https://user:secret@a.example/", "credentials"],
    ["https://localhost:6379/", "loopback"],
    ["https://LOCALHOST./", "loopback"],
    ["https://127.0.0.1:6379/", "loopback"],
    ["https://0x7f.1:6379/", "loopback"],
    ["https://2130706433/", "loopback"],
    ["https://0.0.0.0/", "loopback"],
    ["https://[::1]:4440/", "loopback"],
    ["https://[::ffff:127.0.0.1]/", "loopback"],
  ])("does not go to %s", (uri, why) => {
    expect(readGoawayTarget(uri, FAR)).toEqual({ kind: "refused", why });
  });

  it("goes on at another node of this machine if a node of this machine says so", () => {
    const url = "https://127.0.0.1:4442";
    expect(readGoawayTarget(url, "https://127.0.0.1:4441")).toEqual({ kind: "url", url });
  });
});

describe("isSameNode", () => {
  it("compares host and port, not the way they are written", () => {
    expect(isSameNode("https://a:4441", "https://a:4441/")).toBe(true);
    expect(isSameNode("https://a", "https://a:443/live")).toBe(true);
    expect(isSameNode("https://a:4441", "https://a:4442")).toBe(false);
    expect(isSameNode("https://a:4441", "nowhere")).toBe(false);
  });
});
