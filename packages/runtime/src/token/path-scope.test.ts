import { describe, expect, it } from "vitest";
import { FULL_GRANT, isUnder, mayGet, mayPut, scopeSession } from "./path-scope.ts";

describe("isUnder", () => {
  it("compares whole segments", () => {
    expect(isUnder("live/demo", "live")).toBe(true);
    expect(isUnder("live", "live")).toBe(true);
    expect(isUnder("lively", "live")).toBe(false);
    expect(isUnder("anything", "")).toBe(true);
  });
});

describe("scopeSession", () => {
  const grant = { root: "/room/1/", put: ["alice"], get: [""] };

  it("keeps the token's prefixes when the session has the token's root", () => {
    expect(scopeSession(grant, "room/1")).toEqual({ root: "room/1", put: ["alice"], get: [""] });
  });

  it("narrows a grant to a deeper session root", () => {
    expect(scopeSession(grant, "room/1/alice")).toEqual({ root: "room/1/alice", put: [""], get: [""] });
    expect(scopeSession(grant, "room/1/bob")).toEqual({ root: "room/1/bob", put: [], get: [""] });
  });

  it("carries the remainder when the session's root is above the token's", () => {
    expect(scopeSession(grant, "/room")).toEqual({ root: "room", put: ["1/alice"], get: ["1"] });
    expect(scopeSession(grant, "")).toEqual({ root: "", put: ["room/1/alice"], get: ["room/1"] });
  });

  it("leaves nothing of a grant elsewhere", () => {
    expect(scopeSession(grant, "room/12")).toBeUndefined();
    expect(scopeSession({ root: "a", put: [], get: [] }, "a")).toBeUndefined();
  });

  it("says what a session may do with paths relative to its root", () => {
    const scope = scopeSession(grant, "room");
    if (scope === undefined) throw new Error("the grant covers the session");
    expect(mayGet(scope, "1/bob")).toBe(true);
    expect(mayGet(scope, "12/bob")).toBe(false);
    expect(mayPut(scope, "1/alice/camera")).toBe(true);
    expect(mayPut(scope, "1/bob")).toBe(false);
  });

  it("opens everything for the full grant", () => {
    expect(scopeSession(FULL_GRANT, "x/y")).toEqual({ root: "x/y", put: [""], get: [""] });
  });
});
