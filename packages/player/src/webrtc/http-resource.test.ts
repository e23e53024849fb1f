import { describe, expect, it } from "vitest";
import { PlayerError } from "../player-error.ts";
import { deleteResource, patchResource, postOffer, refusalError } from "./http-resource.ts";

const { signal } = new AbortController();
const ENDPOINT = "https://edge:4443/whep/live/demo";

interface Asked {
  readonly url: string;
  readonly init: RequestInit | undefined;
}

function answering(answer: () => Response | Promise<Response>) {
  const asked: Asked[] = [];
  const fetch: typeof globalThis.fetch = (url, init) => {
    asked.push({ url: String(url), init });
    return Promise.resolve(answer());
  };
  return { asked, deps: { fetch, signal, token: "a.b.c" } };
}

describe("postOffer", () => {
  it("sends the offer with the token, and resolves the resource against the endpoint", async () => {
    const { asked, deps } = answering(
      () =>
        new Response("v=0\r\n", {
          status: 201,
          headers: { location: "/whep/live/demo/17", etag: '"1"', link: "<stun:s>; rel=ice-server" },
        }),
    );
    expect(await postOffer(ENDPOINT, "v=0\r\noffer", deps)).toEqual({
      kind: "created",
      answer: "v=0\r\n",
      url: "https://edge:4443/whep/live/demo/17",
      etag: '"1"',
      iceServers: [{ urls: "stun:s" }],
    });
    expect(asked[0]?.init).toMatchObject({
      method: "POST",
      headers: { authorization: "Bearer a.b.c", "content-type": "application/sdp" },
      body: "v=0\r\noffer",
    });
  });

  it("gives a refusal with the problem's words", async () => {
    const problem = { type: "https://canopy/problems/b-frames", title: "B-frames", detail: "Has B-frames." };
    const { deps } = answering(
      () =>
        new Response(JSON.stringify(problem), {
          status: 406,
          headers: { "content-type": "application/problem+json", "retry-after": "2" },
        }),
    );
    expect(await postOffer(ENDPOINT, "v=0", deps)).toEqual({
      kind: "refused",
      status: 406,
      text: "Has B-frames.",
      problem: "b-frames",
      retryAfterMs: 2_000,
    });
  });

  it("fails as unreachable without an answer, and as protocol without SDP", async () => {
    const gone = answering(() => Promise.reject(new TypeError("refused")));
    await expect(postOffer(ENDPOINT, "v=0", gone.deps)).rejects.toMatchObject({ code: "unreachable" });
    const html = answering(() => new Response("<html>", { status: 201 }));
    await expect(postOffer(ENDPOINT, "v=0", html.deps)).rejects.toMatchObject({ code: "protocol" });
  });
});

describe("patchResource", () => {
  it("names the entity that it changes", async () => {
    const { asked, deps } = answering(() => new Response(null, { status: 204, headers: { etag: '"2"' } }));
    expect(await patchResource(ENDPOINT, "a=x", '"1"', deps)).toEqual({ status: 204, body: "", etag: '"2"' });
    expect(asked[0]?.init?.headers).toMatchObject({
      "if-match": '"1"',
      "content-type": "application/trickle-ice-sdpfrag",
    });
  });
});

describe("deleteResource", () => {
  it("outlives the page and does not mind a dead server", async () => {
    const { asked, deps } = answering(() => Promise.reject(new TypeError("refused")));
    await deleteResource(ENDPOINT, deps);
    expect(asked[0]?.init).toMatchObject({ method: "DELETE", keepalive: true });
  });
});

describe("refusalError", () => {
  it.each([
    [401, "unauthorized"],
    [403, "unauthorized"],
    [406, "codec"],
    [409, "codec"],
    [400, "protocol"],
    [404, "protocol"],
    [429, "unreachable"],
    [503, "unreachable"],
  ])("takes %i as %s", (status, code) => {
    const error = refusalError({
      kind: "refused",
      status,
      text: "so",
      problem: undefined,
      retryAfterMs: undefined,
    });
    expect(error).toBeInstanceOf(PlayerError);
    expect(error).toMatchObject({ code, message: "so" });
  });
});
