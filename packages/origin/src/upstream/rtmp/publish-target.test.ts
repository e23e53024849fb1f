import { describe, expect, it } from "vitest";
import { parsePublishTarget } from "./publish-target.ts";

describe("parsePublishTarget", () => {
  it("joins app and stream key to the broadcast path", () => {
    expect(parsePublishTarget("live", "demo")).toEqual({ path: "live/demo", token: undefined });
    expect(parsePublishTarget("/live/room/", "/a")).toEqual({ path: "live/room/a", token: undefined });
    expect(parsePublishTarget("", "demo")).toEqual({ path: "demo", token: undefined });
  });

  it("takes the token from the key or from the app", () => {
    expect(parsePublishTarget("live", "demo?jwt=a.b.c&x=1").token).toBe("a.b.c");
    expect(parsePublishTarget("live?jwt=d.e.f", "demo").token).toBe("d.e.f");
    expect(parsePublishTarget("live", "demo?jwt=").token).toBeUndefined();
  });

  const bad: [string, string][] = [
    ["live", ""],
    ["live", "?jwt=x"],
    ["live", "../secret"],
    ["live", "a\u0000b"],
    ["live", "x".repeat(300)],
    ["live", "a/".repeat(40)],
  ];
  for (const [app, key] of bad) {
    it(`refuses ${JSON.stringify(key.slice(0, 12))}`, () => {
      expect(() => parsePublishTarget(app, key)).toThrowError(expect.objectContaining({ code: "bad-path" }));
    });
  }
});
