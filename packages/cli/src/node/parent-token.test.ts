import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "@canopy/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readParentToken } from "./parent-token.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-parent-token-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("readParentToken", () => {
  it("gives what stands in the file whenever it is asked, and the last one while there is none", () => {
    const lines: string[] = [];
    const logger = createLogger({ level: "info", pretty: false }, { write: (line) => lines.push(line) });
    const path = join(folder, "token");
    writeFileSync(path, "first\n");
    const token = readParentToken({ parentToken: undefined, parentTokenFile: path }, { logger });
    if (typeof token !== "function") throw new Error("a file was given");
    expect(token()).toBe("first");
    writeFileSync(path, "second");
    expect(token()).toBe("second");
    rmSync(path);
    expect(token()).toBe("second");
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain("second");
  });

  it("takes one of the two, and a file that is there", () => {
    const deps = { logger: createLogger({ level: "silent", pretty: false }) };
    const path = join(folder, "nothing");
    expect(readParentToken({ parentToken: "x", parentTokenFile: undefined }, deps)).toBe("x");
    expect(readParentToken({ parentToken: undefined, parentTokenFile: undefined }, deps)).toBeUndefined();
    expect(() => readParentToken({ parentToken: "x", parentTokenFile: path }, deps)).toThrow("exclude");
    expect(() => readParentToken({ parentToken: undefined, parentTokenFile: path }, deps)).toThrow(
      "cannot be read",
    );
  });
});
