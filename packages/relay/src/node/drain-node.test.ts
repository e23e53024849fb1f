import { createSilentLogger } from "@canopy/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type DrainedNode, NodeDrain } from "./drain-node.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const logger = createSilentLogger();

/** A node whose sessions leave `leaveMs` after they were asked to. */
class FakeNode implements DrainedNode {
  sessionCount: number;
  isDraining = false;
  readonly sentTo: string[] = [];
  readonly #leaveMs: number;
  #asked = 0;

  constructor(sessions: number, leaveMs: number) {
    this.sessionCount = sessions;
    this.#leaveMs = leaveMs;
  }

  beginDrain(): void {
    this.isDraining = true;
  }

  sendAway(limit: number, nextUri: () => string): void {
    const count = Math.min(limit, this.sessionCount - this.#asked);
    this.#asked += count;
    for (let sent = 0; sent < count; sent += 1) {
      this.sentTo.push(nextUri());
      setTimeout(() => {
        this.sessionCount -= 1;
        this.#asked -= 1;
      }, this.#leaveMs);
    }
  }
}

describe("NodeDrain", () => {
  it("is done as soon as everybody has left", async () => {
    const node = new FakeNode(10, 300);
    const drain = new NodeDrain({ timeoutMs: 5_000, uri: "https://other:4443" }, { logger });
    const done = vi.fn();
    void drain.run(node).then(done);
    expect(node.isDraining).toBe(true);
    await vi.advanceTimersByTimeAsync(250);
    expect(done).not.toHaveBeenCalled();
    expect(drain.status(node.sessionCount)).toMatchObject({ draining: true, sessions: 10 });
    await vi.advanceTimersByTimeAsync(150);
    expect(done).toHaveBeenCalled();
    expect(new Set(node.sentTo)).toEqual(new Set(["https://other:4443"]));
  });

  it("waits no longer than it was given for those who do not leave", async () => {
    const node = new FakeNode(1, 60_000);
    const done = vi.fn();
    void new NodeDrain({ timeoutMs: 1_000, uri: undefined }, { logger }).run(node).then(done);
    await vi.advanceTimersByTimeAsync(900);
    expect(done).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(done).toHaveBeenCalled();
  });

  it("spreads many over half of the time, and tells all of them", async () => {
    const node = new FakeNode(10_000, 60_000);
    void new NodeDrain({ timeoutMs: 4_000, uri: undefined }, { logger }).run(node);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(node.sentTo.length).toBeGreaterThan(4_000);
    expect(node.sentTo.length).toBeLessThan(6_000);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(node.sentTo).toHaveLength(10_000);
    expect(new Set(node.sentTo)).toEqual(new Set([""]));
    await vi.advanceTimersByTimeAsync(3_000);
  });

  it("shares the sessions out among the successors that are known", async () => {
    const node = new FakeNode(20, 100);
    const successors = () => [
      { url: "https://a", room: 300 },
      { url: "https://b", room: 100 },
    ];
    const run = new NodeDrain({ timeoutMs: 4_000, uri: undefined }, { logger, successors }).run(node);
    await vi.advanceTimersByTimeAsync(1_000);
    await run;
    expect(node.sentTo.filter((url) => url === "https://a")).toHaveLength(15);
    expect(node.sentTo.filter((url) => url === "https://b")).toHaveLength(5);
  });

  it("takes place and time from the first request, and the rest from the settings", async () => {
    const drain = new NodeDrain({ timeoutMs: 5_000, uri: "https://configured" }, { logger });
    const asked = vi.fn();
    void drain.requested.then(asked);
    expect(drain.status(3)).toEqual({ draining: false, sessions: 3, deadlineMs: null });
    drain.request({ timeoutMs: 200 });
    drain.request({ timeoutMs: 9_000, uri: "https://later" });
    const node = new FakeNode(1, 60_000);
    const done = vi.fn();
    void drain.run(node).then(done);
    await vi.advanceTimersByTimeAsync(300);
    expect(asked).toHaveBeenCalled();
    expect(done).toHaveBeenCalled();
    expect(node.sentTo).toEqual(["https://configured"]);
  });

  it("does not wait at all when no time is given", async () => {
    const node = new FakeNode(1, 60_000);
    await new NodeDrain({ timeoutMs: 0, uri: undefined }, { logger }).run(node);
    expect(node.sentTo).toEqual([]);
  });
});
