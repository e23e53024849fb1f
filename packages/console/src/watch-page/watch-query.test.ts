import { describe, expect, it } from "vitest";
import { viewerAttributes } from "./watch-query.ts";

const EDGES = ["http://127.0.0.1:4443", "http://127.0.0.1:4444"];

describe("viewerAttributes", () => {
  it("plays live/demo from the first edge, without sound, when the query is empty", () => {
    expect(viewerAttributes(new URLSearchParams(""), EDGES)).toEqual({
      src: "https://127.0.0.1:4443",
      broadcast: "live/demo",
      muted: "",
      controls: "",
    });
  });

  it("passes the element's attributes through", () => {
    const query = new URLSearchParams(
      "broadcast=live/x&transports=whep&latency=150&sync&jwt=abc&muted=false&edge=2",
    );
    expect(viewerAttributes(query, EDGES)).toEqual({
      src: "https://127.0.0.1:4444",
      broadcast: "live/x",
      transports: "whep",
      latency: "150",
      sync: "",
      token: "abc",
      controls: "",
    });
  });

  it("takes a latency of 0, and for nothing what the form leaves empty", () => {
    const query = new URLSearchParams("latency=0&transports=&sync=0");
    expect(viewerAttributes(query, EDGES)).toMatchObject({ latency: "0" });
    expect(viewerAttributes(query, EDGES)).not.toHaveProperty("transports");
    expect(viewerAttributes(query, EDGES)).not.toHaveProperty("sync");
  });

  it("ignores names that are no attributes, and an edge that does not exist", () => {
    const attributes = viewerAttributes(new URLSearchParams("onclick=x&edge=9"), EDGES);
    expect(attributes).not.toHaveProperty("onclick");
    expect(attributes.src).toBe("https://127.0.0.1:4443");
  });
});
