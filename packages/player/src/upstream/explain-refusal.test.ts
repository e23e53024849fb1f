import { describe, expect, it } from "vitest";
import { PlayerError } from "../player-error.ts";
import { explainRefusal } from "./explain-refusal.ts";

const EDGE = {
  sessionUrl: "https://127.0.0.1:4443/live?jwt=a.b.c",
  httpUrl: "http://127.0.0.1:4443/",
  certificateHash: undefined,
};
const FAILURE = new PlayerError("unreachable", "no WebTransport session");

async function explain(answer: () => Response): Promise<{ error: PlayerError; asked: string[] }> {
  const asked: string[] = [];
  const fetch = (url: unknown): Promise<Response> => {
    asked.push(String(url));
    return Promise.resolve().then(answer);
  };
  const signal = new AbortController().signal;
  const error = await explainRefusal(EDGE, FAILURE, { fetch: fetch as typeof globalThis.fetch, signal });
  return { error, asked };
}

describe("explainRefusal", () => {
  it.each([401, 403])(
    "tells that the token is not good by the node's answer %i, and how it says it",
    async (status) => {
      const { error, asked } = await explain(() =>
        Response.json({ detail: "the token has expired" }, { status }),
      );
      expect(asked).toEqual(["http://127.0.0.1:4443/v1/admission?path=%2Flive%3Fjwt%3Da.b.c"]);
      expect(error).toMatchObject({ code: "unauthorized", message: "not let in: the token has expired" });
      expect(error.shouldRetry()).toBe(false);
    },
  );

  it("bears with an answer that is no problem document", async () => {
    const { error } = await explain(() => new Response("<html>", { status: 401 }));
    expect(error).toMatchObject({ code: "unauthorized", message: "not let in: HTTP 401" });
  });

  it("leaves the failure as it is if the node lets the token in, knows no such question, or is not there", async () => {
    expect((await explain(() => new Response(null, { status: 204 }))).error).toBe(FAILURE);
    expect((await explain(() => new Response("", { status: 404 }))).error).toBe(FAILURE);
    const unreachable = (): Response => {
      throw new TypeError("fetch failed");
    };
    expect((await explain(unreachable)).error).toBe(FAILURE);
  });
});
