import { describe, expect, it } from "vitest";
import { parseSessionUrl } from "./session-url.ts";

describe("parseSessionUrl", () => {
  it.each([
    ["", { root: "", token: undefined }],
    ["/", { root: "", token: undefined }],
    ["/live//room%201/?jwt=a.b.c", { root: "live/room 1", token: "a.b.c" }],
    ["?jwt=x&y=z", { root: "", token: "x" }],
  ])("reads %j", (path, expected) => {
    expect(parseSessionUrl(path)).toEqual(expected);
  });

  it.each(["/%", "/a%2Fb", "/%ff", `/${"x".repeat(20_000)}`])("refuses %j", (path) => {
    expect(parseSessionUrl(path)).toBeUndefined();
  });
});
