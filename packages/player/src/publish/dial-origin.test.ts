import type { Session } from "@canopy/transport";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PlayerError } from "../player-error.ts";
import type { DialedSession, DialOptions } from "../upstream/moq/dialed-session.ts";
import { dialOrigin } from "./dial-origin.ts";

type Dial = (url: string, token: string | undefined, options: DialOptions) => Promise<DialedSession>;

let dialled: string[];
let closed: string[];

beforeEach(() => {
  vi.useFakeTimers();
  dialled = [];
  closed = [];
});
afterEach(() => vi.useRealTimers());

/** Takes `ms`, then is up, or fails with `code`. */
function dialOf(name: string, ms: number, code?: "unreachable" | "unauthorized"): Dial {
  return (_url, _token, { signal }) => {
    dialled.push(name);
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => closed.push(`${name} given up`));
      setTimeout(() => {
        if (code !== undefined) reject(new PlayerError(code, name));
        const session = { kind: name, close: () => closed.push(name) } as unknown as Session;
        resolve({ session, timeBaseUrl: "http://origin/", handshakeMs: ms });
      }, ms);
    });
  };
}

async function race(first: Dial | undefined, second: Dial, ms = 5_000): Promise<string> {
  const { signal } = new AbortController();
  const result = dialOrigin("https://origin/", undefined, { fetch, signal }, [first, second]).then(
    ({ session }) => `up ${session.kind}`,
    (error: PlayerError) => `${error.code} ${error.message}`,
  );
  await vi.advanceTimersByTimeAsync(ms);
  return result;
}

describe("dialOrigin", () => {
  it("does not dial a WebSocket where WebTransport is up within its head start", async () => {
    expect(await race(dialOf("a", 300), dialOf("b", 10))).toBe("up a");
    expect(dialled).toEqual(["a"]);
  });

  it("takes the WebSocket where WebTransport hangs, and gives the other up", async () => {
    expect(await race(dialOf("a", 4_000), dialOf("b", 10))).toBe("up b");
    expect(closed).toContain("a given up");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(closed).toContain("a");
    expect(closed).not.toContain("b");
  });

  it("dials the WebSocket at once where WebTransport fails or is missing", async () => {
    expect(await race(dialOf("a", 10, "unreachable"), dialOf("b", 10), 100)).toBe("up b");
    expect(await race(undefined, dialOf("b", 10), 100)).toBe("up b");
  });

  it("tells the first choice's failure when both fail, and does not try another door when not let in", async () => {
    expect(await race(dialOf("a", 10, "unreachable"), dialOf("b", 10, "unreachable"))).toBe("unreachable a");
    dialled = [];
    expect(await race(dialOf("a", 10, "unauthorized"), dialOf("b", 10))).toBe("unauthorized a");
    expect(dialled).toEqual(["a"]);
  });
});
