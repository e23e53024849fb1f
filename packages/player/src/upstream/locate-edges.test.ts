import { afterEach, describe, expect, it, vi } from "vitest";
import { locateEdges } from "./locate-edges.ts";

const REQUEST = { locators: ["http://a:1", "http://b:2"], broadcast: "live/demo", token: "t", region: "eu" };

afterEach(() => void vi.useRealTimers());

function answering(answers: Record<string, () => Response>) {
  const asked: string[] = [];
  const fetch = ((url: URL) => {
    asked.push(url.href);
    const answer = answers[url.host];
    return answer === undefined ? Promise.reject(new TypeError("failed")) : Promise.resolve(answer());
  }) as unknown as typeof globalThis.fetch;
  return { asked, deps: { fetch, signal: new AbortController().signal } };
}

describe("locateEdges", () => {
  it("returns the edges in the order of the answer, by their HTTP address where there is one", async () => {
    const { asked, deps } = answering({
      "a:1": () =>
        Response.json({
          edges: [
            { url: "https://e1:4443", httpUrl: "http://e1:4443" },
            { url: "https://e2:4443" },
            { url: "ftp://e3" },
            "e4",
            {},
          ],
        }),
    });
    expect(await locateEdges(REQUEST, deps)).toEqual(["http://e1:4443", "https://e2:4443"]);
    expect(asked).toEqual(["http://a:1/v1/locate?broadcast=live%2Fdemo&region=eu&jwt=t"]);
  });

  it("asks the next locator when one does not answer or knows no edge", async () => {
    const { deps, asked } = answering({
      "b:2": () => Response.json({ edges: [{ url: "https://e1:4443" }] }),
    });
    expect(await locateEdges(REQUEST, deps)).toEqual(["https://e1:4443"]);
    expect(asked).toHaveLength(2);
    const empty = answering({
      "a:1": () => Response.json({ edges: [] }),
      "b:2": () => new Response("", { status: 503 }),
    });
    await expect(locateEdges(REQUEST, empty.deps)).rejects.toMatchObject({ code: "unreachable" });
    expect(empty.asked).toHaveLength(2);
  });

  it("asks the next locator beside one that is silent, and leaves that one alone once it has an answer", async () => {
    vi.useFakeTimers();
    const signals: AbortSignal[] = [];
    const fetch = ((url: URL, { signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      return url.host === "a:1"
        ? new Promise(() => {})
        : Promise.resolve(Response.json({ edges: [{ url: "https://e1:4443" }] }));
    }) as unknown as typeof globalThis.fetch;
    const located = locateEdges(REQUEST, { fetch, signal: new AbortController().signal });
    await vi.advanceTimersByTimeAsync(390);
    expect(signals).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20);
    expect(await located).toEqual(["https://e1:4443"]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not ask further when the token is not good enough", async () => {
    const { deps, asked } = answering({ "a:1": () => new Response("", { status: 403 }) });
    await expect(locateEdges(REQUEST, deps)).rejects.toMatchObject({ code: "unauthorized" });
    expect(asked).toHaveLength(1);
  });
});
