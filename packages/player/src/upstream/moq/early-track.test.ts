import { describe, expect, it } from "vitest";
import { EarlyTrack } from "./early-track.ts";

function frame(bytes: number) {
  return { timestampUs: 0, payload: new Uint8Array(bytes), isKey: false };
}

function early() {
  const seen: string[] = [];
  const track = new EarlyTrack({
    onGroupOpen: (_kind, name, sequence) => seen.push(`open ${name} ${sequence}`),
    onFrame: (_kind, name, sequence, { payload }) => seen.push(`${name} ${sequence} ${payload.byteLength}`),
    onGroupEnd: (_kind, name, sequence, aborted) => seen.push(`end ${name} ${sequence} ${aborted}`),
  });
  return { track, seen };
}

describe("EarlyTrack", () => {
  it("hands on in order what came before it was wanted, and then everything at once", () => {
    const { track, seen } = early();
    track.sink.onGroupOpen("video", "video", 7);
    track.sink.onFrame("video", "video", 7, frame(3));
    track.sink.onGroupEnd("video", "video", 7, false);
    expect(seen).toEqual([]);
    track.release();
    track.sink.onFrame("video", "video", 8, frame(4));
    expect(seen).toEqual(["open video 7", "video 7 3", "end video 7 false", "video 8 4"]);
  });

  it("gives up over its bound", () => {
    const { track, seen } = early();
    for (let index = 0; index < 3; index += 1) track.sink.onFrame("video", "video", 1, frame(1_000_000));
    expect(track.isOverfull).toBe(true);
    track.release();
    expect(seen).toEqual([]);
  });
});
