import { describe, expect, it } from "vitest";
import { parseAddresses, sessionUrl } from "./network-addresses.ts";

describe("parseAddresses", () => {
  it("takes what the server says, without trailing slashes", () => {
    const value = { origin: "http://a:1/", rtmp: "rtmp://a:2/", edges: ["http://b:3/"], relays: [] };
    expect(parseAddresses(value, "x")).toEqual({
      origin: "http://a:1",
      rtmp: "rtmp://a:2",
      edges: ["http://b:3"],
      relays: [],
    });
  });

  it("falls back to the default ports of the page's host", () => {
    expect(parseAddresses("nonsense", "host").edges).toEqual(["http://host:4443", "http://host:4444"]);
  });
});

describe("sessionUrl", () => {
  it("is https, as WebTransport always is", () => {
    expect(sessionUrl("http://127.0.0.1:4443")).toBe("https://127.0.0.1:4443");
    expect(sessionUrl("https://edge:1")).toBe("https://edge:1");
  });
});
