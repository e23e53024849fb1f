import { describe, expect, it } from "vitest";
import { chooseTransports, isWebKit } from "./choose-transports.ts";
import type { TransportName, UpstreamFactory } from "./upstream.ts";

const CHROME =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36";
const SAFARI =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile Safari/604.1";

function factory(transport: TransportName, reason?: string): UpstreamFactory {
  return {
    transport,
    unsupportedReason: () => reason,
    open: () => {
      throw new Error("not opened in this test");
    },
  };
}

const ALL = (["hls", "whep", "websocket", "webtransport"] as const).map((name) => factory(name));
const namesOf = (wish: string | undefined, agent: string, from = ALL) =>
  chooseTransports(wish, from, agent).factories.map(({ transport }) => transport);

describe("chooseTransports", () => {
  it("prefers WebTransport, and on WebKit WHEP", () => {
    expect(namesOf(undefined, CHROME)).toEqual(["webtransport", "websocket", "whep", "hls"]);
    expect(namesOf(undefined, SAFARI)).toEqual(["whep", "hls", "websocket"]);
  });

  it("follows the wish and names what does not exist", () => {
    expect(namesOf("hls, whep", CHROME)).toEqual(["hls", "whep"]);
    const choice = chooseTransports("quic,hls", ALL, CHROME);
    expect(choice.unknown).toEqual(["quic"]);
    expect(choice.factories.map(({ transport }) => transport)).toEqual(["hls"]);
  });

  it("tries only what is registered and supported, and says why not", () => {
    const choice = chooseTransports(undefined, [factory("webtransport", "too old")], CHROME);
    expect(choice.factories).toEqual([]);
    expect(choice.reasons[0]).toBe("webtransport: too old");
  });
});

describe("isWebKit", () => {
  it("tells Safari from Chromium", () => {
    expect(isWebKit(SAFARI)).toBe(true);
    expect(isWebKit(CHROME)).toBe(false);
    expect(isWebKit("")).toBe(false);
  });
});
