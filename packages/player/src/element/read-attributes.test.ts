import { describe, expect, it } from "vitest";
import { readAttributes } from "./read-attributes.ts";

function read(attributes: Record<string, string>) {
  const warnings: string[] = [];
  const result = readAttributes(
    (name) => attributes[name] ?? null,
    (text) => warnings.push(text),
  );
  return { result, warnings };
}

const WHERE = { src: "https://edge:4443", broadcast: "live/demo" };

describe("readAttributes", () => {
  it("has defaults for everything but the place", () => {
    expect(read(WHERE)).toEqual({
      result: {
        ...WHERE,
        locate: undefined,
        region: undefined,
        token: undefined,
        transports: undefined,
        webSocketMapping: undefined,
        latencyMs: undefined,
        sync: false,
      },
      warnings: [],
    });
    expect(read({ src: WHERE.src }).result).toBeUndefined();
    expect(read({ ...WHERE, broadcast: " " }).result).toBeUndefined();
  });

  it("takes a locator instead of an edge", () => {
    const { result } = read({ locate: " https://any:4443 ", region: "eu", broadcast: "live/demo" });
    expect(result).toMatchObject({ src: "", locate: "https://any:4443", region: "eu" });
  });

  it("reads all of them", () => {
    const { result, warnings } = read({
      ...WHERE,
      token: "t",
      transports: "HLS, whep",
      "websocket-mapping": "webtransport",
      latency: "400",
      sync: "",
    });
    expect(result).toMatchObject({
      token: "t",
      transports: "hls,whep",
      webSocketMapping: "webtransport",
      latencyMs: 400,
      sync: true,
    });
    expect(warnings).toEqual([]);
  });

  it("warns about a mapping that there is not", () => {
    const { result, warnings } = read({ ...WHERE, "websocket-mapping": "h2" });
    expect(result?.webSocketMapping).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });

  it.each(["soon", "-1", "", "1e9"])("warns about latency %j and falls back", (latency) => {
    const { result, warnings } = read({ ...WHERE, latency });
    expect(result?.latencyMs).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });

  it("warns about unknown transports and uses the others", () => {
    const { result, warnings } = read({ ...WHERE, transports: "carrier-pigeon,hls" });
    expect(result?.transports).toBe("hls");
    expect(warnings).toHaveLength(1);
  });
});
