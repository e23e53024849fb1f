import { describe, expect, it } from "vitest";
import { AwaitedChecks, type CheckOrigin, checkedCandidate, createIceCredentials } from "./await-check.ts";
import { parseCandidate } from "./sdp/parse-candidate.ts";

const FROM: CheckOrigin = { host: "192.0.2.7", port: 50_000 };

describe("AwaitedChecks", () => {
  it("tells who waits of his client's first check, and nobody of a stranger's", () => {
    const checks = new AwaitedChecks();
    const told: CheckOrigin[] = [];
    checks.add("mine", (from) => told.push(from));
    checks.onCheck("another", FROM);
    expect(told).toEqual([]);
    checks.onCheck("mine", FROM);
    checks.onCheck("mine", FROM);
    expect(told).toEqual([FROM]);
    expect(checks.strays).toBe(2);
  });

  it("forgets who does not wait any more", () => {
    const checks = new AwaitedChecks();
    const withdraw = checks.add("mine", () => {
      throw new Error("nobody is there");
    });
    withdraw();
    checks.onCheck("mine", FROM);
  });
});

describe("createIceCredentials", () => {
  it("makes what RFC 8839 takes, and never the same twice", () => {
    const made = Array.from({ length: 50 }, createIceCredentials);
    for (const { ufrag, password } of made) {
      expect(ufrag).toMatch(/^[A-Za-z0-9+/]{4,256}$/);
      expect(password).toMatch(/^[A-Za-z0-9+/]{22,256}$/);
    }
    expect(new Set(made.map(({ ufrag }) => ufrag)).size).toBe(made.length);
  });
});

describe("checkedCandidate", () => {
  it.each([FROM, { host: "2001:db8::7", port: 9 }])("is one that the engine takes: $host", (from) => {
    expect(parseCandidate(checkedCandidate(from))).toBeDefined();
  });
});
