import { describe, expect, it } from "vitest";
import { readMove } from "./read-move.ts";

describe("readMove", () => {
  it("takes https, and plain HTTP only from an edge over plain HTTP", () => {
    expect(readMove("https://two:4443", "https://one/")).toBe("https://two:4443/");
    expect(readMove("https://two:4443", "http://one/")).toBe("https://two:4443/");
    expect(readMove("http://two:4443", "http://one/")).toBe("http://two:4443/");
    expect(readMove("http://two:4443", "https://one/")).toBeUndefined();
  });

  it("keeps the path, which all names are relative to, where the URL has none", () => {
    expect(readMove("https://two:4443", "https://one/live/stage?x=1")).toBe("https://two:4443/live/stage");
    expect(readMove("https://two:4443/other", "https://one/live")).toBe("https://two:4443/other");
  });

  it.each(["javascript:alert(1)", "//", "https://", "https://a:b@two/", `https://two/${"x".repeat(2_100)}`])(
    "does not go to %s",
    (to) => {
      expect(readMove(to, "https://one/")).toBeUndefined();
    },
  );
});
