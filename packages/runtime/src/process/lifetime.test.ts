import { describe, expect, it } from "vitest";
import { createSilentLogger } from "../log/logger.ts";
import { Lifetime } from "./lifetime.ts";

const open = () => new Lifetime({ logger: createSilentLogger() });

describe("Lifetime", () => {
  it("aborts its signal, then closes in reverse order, once", async () => {
    const order: string[] = [];
    const lifetime = open();
    lifetime.signal.addEventListener("abort", () => order.push("signal"));
    lifetime.add("store", () => void order.push("store"));
    lifetime.own("server", { close: async () => void order.push("server") });
    expect(await Promise.all([lifetime.close("stop"), lifetime.close()])).toEqual([true, true]);
    expect(order).toEqual(["signal", "server", "store"]);
    expect(lifetime.signal.reason).toBe("stop");
  });

  it("goes on when a part fails or hangs, and says so", async () => {
    const closed: string[] = [];
    const lifetime = open();
    lifetime.add("first", () => void closed.push("first"));
    lifetime.add("hangs", () => new Promise(() => {}), 1);
    lifetime.add("fails", () => {
      throw new Error("no");
    });
    expect(await lifetime.close()).toBe(false);
    expect(closed).toEqual(["first"]);
  });

  it("closes at once what is added too late", async () => {
    const lifetime = open();
    await lifetime.close();
    const closed = await new Promise((resolve) => lifetime.add("late", () => resolve(true)));
    expect(closed).toBe(true);
  });

  it("closes at the end of its scope", async () => {
    let closed = false;
    {
      await using lifetime = open();
      lifetime.add("part", () => {
        closed = true;
      });
    }
    expect(closed).toBe(true);
  });
});
