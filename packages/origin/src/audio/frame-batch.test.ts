import { describe, expect, it } from "vitest";
import { readFrameBatch, writeFrameBatch } from "./frame-batch.ts";

describe("writeFrameBatch", () => {
  it("carries frames of several transcodings in one buffer", () => {
    const frames = [
      { id: 1, timestampUs: 1_764_000_000_123_456, payload: Uint8Array.of(1, 2, 3) },
      { id: 4_000_000_000, timestampUs: 0, payload: new Uint8Array(0) },
      { id: 1, timestampUs: 1_764_000_000_143_456, payload: new Uint8Array(500).fill(7) },
    ];
    expect([...readFrameBatch(writeFrameBatch(frames))]).toEqual(frames);
    expect([...readFrameBatch(writeFrameBatch([]))]).toEqual([]);
  });
});
