import { describe, expect, it } from "vitest";
import { matchPath } from "./match-path.ts";

describe("matchPath", () => {
  it.each([
    ["live/demo", "live/*", true],
    ["live/demo", "live/demo", true],
    ["live/demo", "live/d*o", true],
    ["live/a/b", "live/*", false],
    ["live", "live/*", false],
    ["live/a/b", "live/**", true],
    ["live/a/b/stage", "**/stage", true],
    ["live/a/b", "**", true],
    ["live/ab", "live/ab*ab", false],
    ["live/xaybz", "live/x*y*z", true],
    ["live/demo", "live/demo.", false],
  ])("%s by %s: %s", (path, pattern, fits) => {
    expect(matchPath(path, pattern)).toBe(fits);
  });
});
