import { describe, expect, it } from "vitest";
import { StaticParents } from "./choose-parent.ts";
import { LocalFirstParents, RegistryChooser } from "./local-first-parents.ts";

const LOCAL = { url: "https://127.0.0.1:4443" };

describe("LocalFirstParents", () => {
  const parents = new LocalFirstParents(LOCAL, new StaticParents(["https://a", "https://b"]));

  it("takes the others only while the one on this machine is to be avoided", () => {
    expect(parents.choose(new Set())).toEqual(LOCAL);
    expect(parents.choose(new Set([LOCAL.url]))?.url).toBe("https://a");
    expect(parents.choose(new Set([LOCAL.url, "https://a"]))?.url).toBe("https://b");
    expect(new LocalFirstParents(LOCAL, new StaticParents([])).choose(new Set([LOCAL.url]))).toEqual(LOCAL);
  });

  it("wants to go back as soon as it is not to be avoided any more", () => {
    expect(parents.better("https://a", new Set([LOCAL.url]))).toBeUndefined();
    expect(parents.better("https://a", new Set())).toEqual(LOCAL);
    expect(parents.better(LOCAL.url, new Set())).toBeUndefined();
  });
});

describe("RegistryChooser", () => {
  it("takes the best that is not to be avoided, else the best", () => {
    const candidates = [
      { id: 1, rank: 0, url: "https://a" },
      { id: 2, rank: 1, url: "https://b" },
    ];
    const chooser = new RegistryChooser({ candidates: () => candidates });
    expect(chooser.choose(new Set())?.url).toBe("https://a");
    expect(chooser.choose(new Set(["https://a"]))?.url).toBe("https://b");
    expect(chooser.choose(new Set(["https://a", "https://b"]))?.url).toBe("https://a");
    expect(new RegistryChooser({ candidates: () => [] }).choose(new Set())).toBeUndefined();
  });
});
