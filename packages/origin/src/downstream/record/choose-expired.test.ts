import { describe, expect, it } from "vitest";
import { chooseExpired } from "./choose-expired.ts";
import type { RecordingInfo } from "./recording-info.ts";

function info(id: string, finishedMs: number, bytes: number): RecordingInfo {
  const base = { version: 1, broadcast: "live/a", createdMs: 0, durationUs: 1, events: 0 } as const;
  return { ...base, id, finishedMs, bytes, hasMp4: true, isStored: false };
}

const RECORDINGS = [info("a", 1_000, 50), info("b", 2_000, 50), info("c", 3_000, 50)];

describe("chooseExpired", () => {
  it("keeps everything without rules", () => {
    expect(chooseExpired(RECORDINGS, { maxAgeMs: 0, maxBytes: 0 }, 1e9)).toEqual([]);
  });

  it("lets go of what is too old", () => {
    expect(chooseExpired(RECORDINGS, { maxAgeMs: 1_500, maxBytes: 0 }, 3_600)).toEqual([
      { id: "b", reason: "age" },
      { id: "a", reason: "age" },
    ]);
  });

  it("lets go of the oldest until the rest fits", () => {
    expect(chooseExpired(RECORDINGS, { maxAgeMs: 0, maxBytes: 100 }, 3_600)).toEqual([
      { id: "a", reason: "bytes" },
    ]);
  });
});
