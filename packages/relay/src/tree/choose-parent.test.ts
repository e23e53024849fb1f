import { describe, expect, it } from "vitest";
import { StaticParents } from "./choose-parent.ts";

describe("StaticParents", () => {
  const parents = new StaticParents(["https://a", "https://b", "https://c"]);

  it("takes the first that is not to be avoided", () => {
    expect(parents.choose(new Set())?.url).toBe("https://a");
    expect(parents.choose(new Set(["https://a"]))?.url).toBe("https://b");
  });

  it("takes the one that failed longest ago when all are to be avoided", () => {
    expect(parents.choose(new Set(["https://b", "https://a", "https://c"]))?.url).toBe("https://b");
  });

  it("has nothing to offer without parents", () => {
    expect(new StaticParents([]).choose(new Set(["https://a"]))).toBeUndefined();
  });
});
