import { describe, expect, it } from "vitest";
import { PlayerError } from "../player-error.ts";
import { parseSources, resolveEdge } from "./edge-url.ts";

const HASH = "ab".repeat(32);
const signal = new AbortController().signal;

function fetching(answers: Record<string, string>): { fetch: typeof fetch; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    fetch: (input) => {
      const url = String(input);
      asked.push(url);
      const text = answers[url];
      return text === undefined
        ? Promise.reject(new TypeError("refused"))
        : Promise.resolve(new Response(text));
    },
  };
}

describe("parseSources", () => {
  it("splits a list and refuses what is no http URL", () => {
    expect(parseSources("https://a:1/x, http://b:2")).toEqual(["https://a:1/x", "http://b:2"]);
    for (const src of ["", " , ", "edge:4443", "wss://a", "https://"]) {
      expect(() => parseSources(src), src).toThrow(PlayerError);
    }
  });
});

describe("resolveEdge", () => {
  it("pins the certificate of a plain http edge and dials https with the token", async () => {
    const { fetch } = fetching({ "http://edge:4443/certificate.sha256": `${HASH}\n` });
    const edge = await resolveEdge("http://edge:4443/live", "a.b.c", { fetch, signal });
    expect(edge.sessionUrl).toBe("https://edge:4443/live?jwt=a.b.c");
    expect(edge.httpUrl).toBe("http://edge:4443/");
    expect([...(edge.certificateHash ?? [])]).toEqual(new Array(32).fill(0xab));
  });

  it("asks a loopback https edge for its hash, and does without", async () => {
    const dev = fetching({ "http://127.0.0.1:4443/certificate.sha256": HASH });
    const pinned = await resolveEdge("https://127.0.0.1:4443/", undefined, { fetch: dev.fetch, signal });
    expect(pinned.certificateHash).toBeDefined();
    const real = fetching({});
    const plain = await resolveEdge("https://localhost:4443/", undefined, { fetch: real.fetch, signal });
    expect(plain).toEqual({
      sessionUrl: "https://localhost:4443/",
      httpUrl: "https://localhost:4443/",
      certificateHash: undefined,
    });
  });

  it("asks nothing of a public https edge", async () => {
    const { fetch, asked } = fetching({});
    await resolveEdge("https://edge.example/root?jwt=t", undefined, { fetch, signal });
    expect(asked).toEqual([]);
  });

  it("fails as unreachable when the hash does not come or is none", async () => {
    const gone = resolveEdge("http://edge:1/", undefined, { ...fetching({}), signal });
    await expect(gone).rejects.toMatchObject({ code: "unreachable" });
    const odd = fetching({ "http://edge:1/certificate.sha256": "<html>" });
    await expect(resolveEdge("http://edge:1/", undefined, { ...odd, signal })).rejects.toMatchObject({
      code: "unreachable",
    });
  });
});
