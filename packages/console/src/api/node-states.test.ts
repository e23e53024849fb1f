import { describe, expect, it } from "vitest";
import { hostOf, parseParents } from "./node-states.ts";

describe("parseParents", () => {
  it("finds a parent in any of the places where nodes name it", () => {
    expect(parseParents({ parent: "https://127.0.0.1:4440" })).toEqual(["127.0.0.1:4440"]);
    expect(parseParents({ parent: { url: "https://a:1/root" } })).toEqual(["a:1"]);
    expect(parseParents({ node: { parents: ["a:1", { address: "b:2" }, "a:1"] } })).toEqual(["a:1", "b:2"]);
  });

  it("finds none where there is none", () => {
    expect(parseParents({ parent: null })).toEqual([]);
    expect(parseParents("text")).toEqual([]);
  });
});

describe("hostOf", () => {
  it("leaves out scheme and path", () => {
    expect(hostOf("https://h:1/x")).toBe("h:1");
    expect(hostOf("h:1")).toBe("h:1");
    expect(hostOf(undefined)).toBeUndefined();
  });
});
