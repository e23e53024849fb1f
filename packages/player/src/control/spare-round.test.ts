import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SpareRound, type SpareStep } from "./spare-round.ts";

interface Dial {
  readonly src: string;
  readonly step: SpareStep;
  isGivenUp: boolean;
}

let dials: Dial[];
let told: string[];
let round: SpareRound;

beforeEach(() => {
  vi.useFakeTimers();
  dials = [];
  told = [];
});
afterEach(() => {
  round.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function begin(edges: readonly string[], ask?: (signal: AbortSignal) => Promise<readonly string[]>): void {
  round = new SpareRound(edges, {
    open: (src, step) => {
      const dial: Dial = { src, step, isGivenUp: false };
      dials.push(dial);
      return () => {
        dial.isGivenUp = true;
      };
    },
    ask,
    onWon: (src) => told.push(`won ${src}`),
    onOver: () => told.push("over"),
  });
}

const dialled = (): string => dials.map(({ src }) => src).join("");
const givenUp = (): string =>
  dials
    .filter(({ isGivenUp }) => isGivenUp)
    .map(({ src }) => src)
    .join("");

describe("SpareRound", () => {
  it("dials one edge beside the other, each after twice the wait, and drops the oldest of four", async () => {
    begin(["a", "b", "c", "d"]);
    expect(dialled()).toBe("a");
    await vi.advanceTimersByTimeAsync(300);
    expect(dialled()).toBe("ab");
    await vi.advanceTimersByTimeAsync(600);
    expect([dialled(), givenUp()]).toEqual(["abc", ""]);
    await vi.advanceTimersByTimeAsync(1_200);
    expect([dialled(), givenUp()]).toEqual(["abcd", "a"]);
    await vi.advanceTimersByTimeAsync(2_400 + 1_999);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect([givenUp(), told]).toEqual(["abcd", ["over"]]);
  });

  it("goes on at once when an edge refuses, and is over when the last one has", () => {
    begin(["a", "b"]);
    dials[0]?.step.onFailed();
    expect(dialled()).toBe("ab");
    dials[1]?.step.onFailed();
    expect(told).toEqual(["over"]);
  });

  it("leaves the others their time when the last one of the list refuses", async () => {
    begin(["a", "b"]);
    await vi.advanceTimersByTimeAsync(300);
    dials[1]?.step.onFailed();
    await vi.advanceTimersByTimeAsync(600 + 1_999);
    expect([told, givenUp()]).toEqual([[], ""]);
    dials[0]?.step.onPromoted();
    expect(told).toEqual(["won a"]);
  });

  it("does not end the last call for all when one refuses", async () => {
    begin(["a", "b"]);
    await vi.advanceTimersByTimeAsync(300 + 600 + 1_000);
    dials[1]?.step.onFailed();
    expect([told, givenUp()]).toEqual([[], ""]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([told, givenUp()]).toEqual([["over"], "a"]);
  });

  it("is won by the first that brings media; one that has let us in is given a second for it", async () => {
    begin(["a", "b", "c"]);
    await vi.advanceTimersByTimeAsync(200);
    dials[0]?.step.onConnected();
    await vi.advanceTimersByTimeAsync(999);
    expect(dialled()).toBe("a");
    await vi.advanceTimersByTimeAsync(1);
    expect([dialled(), givenUp()]).toEqual(["ab", ""]);
    dials[1]?.step.onPromoted();
    expect([told, givenUp()]).toEqual([["won b"], "ab"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(dialled()).toBe("ab");
  });

  it("waits before it dials the silent edge itself where it knows no other", async () => {
    begin(["a"]);
    await vi.advanceTimersByTimeAsync(499);
    expect(dialled()).toBe("");
    await vi.advanceTimersByTimeAsync(1);
    expect(dialled()).toBe("a");
  });

  it("is not over as long as somebody has let us in", async () => {
    begin(["a", "b"]);
    dials[0]?.step.onFailed();
    dials[1]?.step.onConnected();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([]);
    dials[1]?.step.onFailed();
    expect(told).toEqual(["over"]);
  });

  it("asks who else there is when the first does not come at once, and tries those before the rest of the list", async () => {
    const ask = vi.fn(() => Promise.resolve(["b", "x"]));
    begin(["a", "b", "c"], ask);
    await vi.advanceTimersByTimeAsync(299);
    expect(ask).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2);
    expect(dialled()).toBe("abx");
    await vi.advanceTimersByTimeAsync(1_200);
    expect(dialled()).toBe("abxc");
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it("waits for the answer when the list is at its end, and gives up the question when it is closed", async () => {
    let answer: (named: readonly string[]) => void = () => {};
    let asked: AbortSignal | undefined;
    begin(["a", "s"], (signal) => {
      asked = signal;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    dials[0]?.step.onFailed();
    dials[1]?.step.onFailed();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(told).toEqual([]);
    answer(["b"]);
    await vi.advanceTimersByTimeAsync(0);
    expect(dialled()).toBe("asb");
    round.close();
    expect([asked?.aborted, givenUp(), told]).toEqual([true, "b", []]);
  });

  it("is over when nobody answers the question either", async () => {
    begin(["a", "s"], () => Promise.resolve([]));
    dials[0]?.step.onFailed();
    dials[1]?.step.onFailed();
    await vi.advanceTimersByTimeAsync(600);
    expect(told).toEqual(["over"]);
  });
});
