import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeRecord } from "./node-record-suite.ts";
import { readNodeRecord } from "./read-node-record.ts";

const good = nodeRecord(7, { parentSha256: "0a".repeat(32) });
const read = (record: unknown) => readNodeRecord("7", JSON.stringify(record));

describe("readNodeRecord", () => {
  it("returns a good record as it was written, without what it does not know", () => {
    expect(read({ ...good, more: 1 })).toEqual({ record: good, clamped: false });
  });

  it("names the field that makes a record worthless", () => {
    const wrong: [string, unknown][] = [
      ["id", 0],
      ["id", "7"],
      ["name", "a\nb"],
      ["name", "x".repeat(257)],
      ["role", "king"],
      ["tier", 1.5],
      ["tier", 16],
      ["region", null],
      ["url", "http://a:1"],
      ["url", "https://me:secret@a"],
      ["url", "https://a/path"],
      ["httpUrl", "ftp://a"],
      ["httpUrl", "http://a/?x"],
      ["parentSha256", "zz"],
      ["draining", 1],
      ["startedAtMs", -1],
      ["load", null],
      ["load", { sessions: "1" }],
    ];
    for (const [field, value] of wrong) {
      expect(read({ ...good, [field]: value }), `${field} ${JSON.stringify(value)}`).toEqual({
        problem: "malformed",
        field,
      });
    }
    expect(readNodeRecord("8", JSON.stringify(good))).toEqual({ problem: "mismatch", field: "id" });
    expect(readNodeRecord("7", undefined)).toEqual({ problem: "size" });
    expect(readNodeRecord("7", "x".repeat(5_000))).toEqual({ problem: "size" });
  });

  it("moves a load that cannot be to the nearest that can", () => {
    const load = { sessions: -1, maxSessions: 1e12, utilization: 7, sentBytesPerSecond: 1e300 };
    const reading = read({ ...good, load });
    expect(reading).toMatchObject({
      clamped: true,
      record: { load: { sessions: 0, maxSessions: 1_000_000, utilization: 1 } },
    });
  });

  it("takes any text without failing", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const reading = readNodeRecord("7", text);
        return "problem" in reading || reading.record.id === 7;
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good)), fc.anything(), (field, value) => {
        let text: string | undefined;
        try {
          text = JSON.stringify({ ...good, [field]: value });
        } catch {
          return true;
        }
        const reading = readNodeRecord("7", text);
        return "problem" in reading || reading.record.url.startsWith("https://");
      }),
    );
  });
});
