import { describe, expect, it } from "vitest";
import { nextState, type PlayerSignal, type PlayerState } from "./player-state.ts";

const run = (...signals: PlayerSignal[]): PlayerState => {
  let state: PlayerState = "idle";
  for (const signal of signals) state = nextState(state, signal);
  return state;
};

describe("nextState", () => {
  it("goes from play to playing, and to stalled and back", () => {
    expect(run("play")).toBe("connecting");
    expect(run("play", "presenting")).toBe("playing");
    expect(run("play", "presenting", "starved")).toBe("stalled");
    expect(run("play", "presenting", "starved", "presenting")).toBe("playing");
  });

  it("returns from the end of a broadcast when it is announced again", () => {
    expect(run("play", "presenting", "ended")).toBe("ended");
    expect(run("play", "presenting", "ended", "announced")).toBe("connecting");
    expect(run("play", "presenting", "ended", "announced", "presenting")).toBe("playing");
  });

  it("leaves failed only by the viewer", () => {
    expect(run("play", "failed", "presenting")).toBe("failed");
    expect(run("play", "failed", "play")).toBe("connecting");
    expect(run("failed")).toBe("failed");
  });

  it("is idle after pause, from everywhere", () => {
    expect(run("play", "pause")).toBe("idle");
    expect(run("play", "presenting", "starved", "pause")).toBe("idle");
    expect(run("play", "ended", "pause")).toBe("idle");
  });
});
