import { describe, expect, it } from "vitest";
import { TransportMemory } from "./transport-memory.ts";

const SRC = "https://edge:4443/live";

describe("TransportMemory", () => {
  it("remembers the winner of a host for ten minutes", () => {
    const kept = new Map<string, string>();
    let nowMs = 1_000_000;
    const memory = new TransportMemory({
      store: () => ({
        getItem: (key) => kept.get(key) ?? null,
        setItem: (key, value) => void kept.set(key, value),
      }),
      nowMs: () => nowMs,
    });
    expect(memory.recall(SRC)).toBeUndefined();
    memory.remember(SRC, "websocket");
    expect(memory.recall("https://edge:4443/other?jwt=x")).toBe("websocket");
    expect(memory.recall("https://edge:4444/")).toBeUndefined();
    nowMs += 10 * 60_000;
    expect(memory.recall(SRC)).toBeUndefined();
  });

  it("does not trust what it finds, and lives without a store", () => {
    const broken = (value: string) =>
      new TransportMemory({ store: () => ({ getItem: () => value, setItem: () => {} }), nowMs: () => 5 });
    for (const value of ["", "websocket", "websocket@soon", "carrier-pigeon@1", "websocket@9"]) {
      expect(broken(value).recall(SRC)).toBeUndefined();
    }
    const forbidden = new TransportMemory({
      store: () => {
        throw new Error("SecurityError");
      },
      nowMs: () => 0,
    });
    forbidden.remember(SRC, "websocket");
    expect(forbidden.recall(SRC)).toBeUndefined();
  });
});
