import { describe, expect, test } from "vitest";
import { joinPath, normalizePath, pathHasPrefix, pathSuffix } from "./path.ts";
import { ProtocolError } from "./protocol-error.ts";

describe("normalizePath", () => {
  test("removes leading, trailing and doubled slashes", () => {
    expect(normalizePath("//live//demo/")).toBe("live/demo");
    expect(normalizePath("/")).toBe("");
  });

  test("refuses more than 32 segments", () => {
    expect(normalizePath("a/".repeat(32)).split("/").length).toBe(32);
    expect(() => normalizePath("a/".repeat(33))).toThrow(ProtocolError);
  });
});

describe("pathHasPrefix", () => {
  test.each([
    ["a", "a", true, ""],
    ["a/b", "a", true, "b"],
    ["ab", "a", false, undefined],
    ["a", "a/b", false, undefined],
    ["a/b", "", true, "a/b"],
    ["", "", true, ""],
  ])("%s under %s: %s", (path, prefix, covered, suffix) => {
    expect(pathHasPrefix(path, prefix)).toBe(covered);
    expect(pathSuffix(path, prefix)).toBe(suffix);
    if (suffix !== undefined) {
      expect(joinPath(prefix, suffix)).toBe(path);
    }
  });
});
