import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DropLog } from "./drop-log.ts";
import { createLogger } from "./logger.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const lines: string[] = [];
  const logger = createLogger({ level: "info", pretty: false }, { write: (line) => lines.push(line) });
  return { lines, drops: new DropLog({ message: "packets were dropped" }, { logger: logger.child("quic") }) };
}

describe("DropLog", () => {
  it("writes one line per second for any number of drops", () => {
    const { lines, drops } = setUp();
    for (let n = 0; n < 1_000; n += 1) drops.drop("malformed");
    drops.drop("late", 5);
    expect(lines).toHaveLength(0);
    vi.advanceTimersByTime(1_000);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { component: "quic", msg: "packets were dropped", dropped: { malformed: 1_000, late: 5 } },
    ]);
    vi.advanceTimersByTime(10_000);
    expect(lines).toHaveLength(1);
    expect(drops.total("malformed")).toBe(1_000);
  });

  it("folds an unbounded number of reasons into one", () => {
    const { drops } = setUp();
    for (let n = 0; n < 100; n += 1) drops.drop(`reason ${n}`);
    expect(drops.total("other")).toBe(36);
  });

  it("writes what is pending when it is closed", () => {
    const { lines, drops } = setUp();
    drops.drop("late");
    drops.close();
    drops.close();
    drops.drop("late");
    expect(lines).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
