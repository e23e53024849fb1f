import { describe, expect, it } from "vitest";
import { SuccessorRing } from "./successor-ring.ts";

const take = (ring: SuccessorRing, count: number): string[] =>
  Array.from({ length: count }, () => ring.next());

describe("SuccessorRing", () => {
  it("leaves the choice open without successors, and without room at any", () => {
    const ring = new SuccessorRing();
    expect(ring.next()).toBe("");
    ring.update([{ url: "https://full", room: 0 }]);
    expect(ring.next()).toBe("");
  });

  it("sends sessions in proportion to the room, evenly mixed", () => {
    const ring = new SuccessorRing();
    ring.update([
      { url: "a", room: 3 },
      { url: "b", room: 1 },
    ]);
    expect(take(ring, 8)).toEqual(["a", "a", "b", "a", "a", "a", "b", "a"]);
  });

  it("goes on with those that are left when one is gone", () => {
    const ring = new SuccessorRing();
    ring.update([
      { url: "a", room: 1 },
      { url: "b", room: 1 },
    ]);
    take(ring, 3);
    ring.update([{ url: "b", room: 1 }]);
    expect(take(ring, 2)).toEqual(["b", "b"]);
  });
});
