import { describe, expect, it } from "vitest";
import { parseIceServers } from "./link-ice-servers.ts";

describe("parseIceServers", () => {
  it("reads STUN and TURN with quoted credentials from one header of several links", () => {
    expect(
      parseIceServers(
        '<stun:stun.example.net>; rel="ice-server", <turn:turn.example.net?transport=udp>; rel="ice-server"; username="us,er"; credential="a\\"b;c"; credential-type="password"',
      ),
    ).toEqual([
      { urls: "stun:stun.example.net" },
      { urls: "turn:turn.example.net?transport=udp", username: "us,er", credential: 'a"b;c' },
    ]);
  });

  it("passes over other links, TURN without credentials, and what is no header at all", () => {
    expect(parseIceServers(null)).toEqual([]);
    expect(parseIceServers("nonsense <<>> ;;; rel=ice-server")).toEqual([]);
    expect(
      parseIceServers(
        '<https://x/>; rel="ice-server", <turn:t>; rel="ice-server", <stun:s>; rel="urn:ietf:params:whep:ext:core:layer"',
      ),
    ).toEqual([]);
  });

  it("is bounded", () => {
    const many = Array.from({ length: 100 }, (_, index) => `<stun:s${index}>; rel=ice-server`).join(", ");
    expect(parseIceServers(many)).toHaveLength(8);
  });
});
