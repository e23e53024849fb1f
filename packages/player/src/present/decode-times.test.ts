import { describe, expect, it } from "vitest";
import { DecodeTimes } from "./decode-times.ts";

const CHUNK_US = 20_000;

/** What the outputs are placed at, of chunks at these times, by a decoder that says these ones. */
function place(chunks: readonly number[], decoded: readonly number[]): number[] {
  const times = new DecodeTimes();
  for (const chunk of chunks) times.onDecode(chunk);
  return decoded.map((timestamp) => times.take(timestamp));
}

describe("DecodeTimes", () => {
  it("gives the times of the chunks to a decoder that counts samples, past a hole", () => {
    const chunks = [1_000_000, 1_020_000, 1_520_000, 1_540_000];
    expect(
      place(
        chunks,
        chunks.map((_, index) => 1_000_000 + index * CHUNK_US),
      ),
    ).toEqual(chunks);
  });

  it("gives them to a decoder that counts from another time", () => {
    expect(place([1_000_000, 1_020_000, 1_040_000], [0, 20_000, 40_000])).toEqual([
      1_000_000, 1_020_000, 1_040_000,
    ]);
  });

  it("follows a sound card that runs slow for hours", () => {
    const chunks = Array.from({ length: 20_000 }, (_, index) => index * (CHUNK_US + 5));
    const times = new DecodeTimes();
    const placed = chunks.map((chunk, index) => {
      times.onDecode(chunk);
      return times.take(index * CHUNK_US);
    });
    expect(placed).toEqual(chunks);
  });

  it("passes over a chunk that gave nothing, as a decoder that keeps times tells", () => {
    expect(place([0, 20_000, 40_000, 60_000], [0, 40_000, 60_000])).toEqual([0, 40_000, 60_000]);
  });

  it("goes on by the decoder's own times where it gives more than it got", () => {
    expect(place([500_000], [0, 20_000, 40_000])).toEqual([500_000, 520_000, 540_000]);
  });

  it("forgets what a decoder swallowed without a word", () => {
    const times = new DecodeTimes();
    for (let index = 0; index < 100; index += 1) times.onDecode(index * CHUNK_US);
    expect(times.take(0)).toBe(36 * CHUNK_US);
  });

  it("starts anew with the decoder", () => {
    const times = new DecodeTimes();
    times.onDecode(1_000_000);
    times.clear();
    times.onDecode(3_000_000);
    expect(times.take(0)).toBe(3_000_000);
  });
});
