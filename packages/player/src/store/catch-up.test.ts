import { describe, expect, it } from "vitest";
import { CatchUp } from "./catch-up.ts";

describe("CatchUp", () => {
  it("leaves small differences alone", () => {
    expect(new CatchUp().decide(158_000, 150_000, false)).toEqual({ kind: "rate", rate: 1 });
  });

  it("hurries by 2 to 10 percent when behind, and settles on the target", () => {
    const catchUp = new CatchUp();
    let latencyUs = 650_000;
    let seconds = 0;
    while (seconds < 20) {
      const decision = catchUp.decide(latencyUs, 150_000, false);
      if (decision.kind !== "rate") throw new Error("it jumped");
      if (decision.rate === 1) break;
      expect(decision.rate).toBeGreaterThanOrEqual(1.02);
      expect(decision.rate).toBeLessThanOrEqual(1.1);
      latencyUs -= (decision.rate - 1) * 100_000;
      seconds += 0.1;
    }
    expect(latencyUs).toBeLessThan(154_000);
    expect(seconds).toBeLessThan(12);
  });

  it("slows down gently when ahead", () => {
    const decision = new CatchUp().decide(100_000, 200_000, false);
    expect(decision.kind === "rate" && decision.rate).toBeGreaterThanOrEqual(0.95);
    expect(decision.kind === "rate" && decision.rate).toBeLessThan(1);
  });

  it("jumps when it is too far behind or too early", () => {
    expect(new CatchUp().decide(1_400_000, 150_000, false)).toEqual({ kind: "jump" });
    expect(new CatchUp().decide(150_000, 900_000, false)).toEqual({ kind: "jump" });
  });

  it("keeps closer to the target in sync mode", () => {
    expect(new CatchUp().decide(158_000, 150_000, true)).not.toEqual({ kind: "rate", rate: 1 });
  });
});
