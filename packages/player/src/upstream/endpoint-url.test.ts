import { describe, expect, it } from "vitest";
import { resolveEndpoint } from "./endpoint-url.ts";

const { signal } = new AbortController();
const deps = (answers: Record<string, string> = {}) => ({
  signal,
  fetch: ((input) => {
    const text = answers[String(input)];
    return text === undefined
      ? Promise.reject(new TypeError("refused"))
      : Promise.resolve(new Response(text));
  }) satisfies typeof fetch,
});

describe("resolveEndpoint", () => {
  it("puts root and broadcast into the path, and the token out of the query", async () => {
    const request = {
      src: "http://edge:4443/rooms/7?jwt=a.b",
      broadcast: "/live/two words/",
      token: undefined,
    };
    expect(await resolveEndpoint("whep", request, deps())).toEqual({
      endpoint: "http://edge:4443/whep/rooms/7/live/two%20words",
      timeBaseUrl: "http://edge:4443/",
      token: "a.b",
    });
  });

  it("asks a development node on loopback over plain HTTP, and a real one over TLS", async () => {
    const request = { src: "https://127.0.0.1:4443", broadcast: "live/demo", token: "t" };
    const dev = deps({ "http://127.0.0.1:4443/certificate.sha256": "ab".repeat(32) });
    expect((await resolveEndpoint("whep", request, dev)).endpoint).toBe(
      "http://127.0.0.1:4443/whep/live/demo",
    );
    expect((await resolveEndpoint("whep", request, deps())).endpoint).toBe(
      "https://127.0.0.1:4443/whep/live/demo",
    );
    const real = { ...request, src: "https://edge.example" };
    expect(await resolveEndpoint("whep", real, deps())).toEqual({
      endpoint: "https://edge.example/whep/live/demo",
      timeBaseUrl: "https://edge.example/",
      token: "t",
    });
  });
});
