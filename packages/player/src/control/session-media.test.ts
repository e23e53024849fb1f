import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TrackKind, UpstreamSink } from "../upstream/upstream.ts";
import { SessionMedia } from "./session-media.ts";

const FRAME = { timestampUs: 1, payload: new Uint8Array(1), isKey: true };
const KINDS: readonly TrackKind[] = ["video", "audio"];

let seen: string[];

beforeEach(() => {
  vi.useFakeTimers();
  seen = [];
});
afterEach(() => {
  vi.useRealTimers();
});

/** Notes what passes, with a name for the way that it took. */
function noting(name: string): UpstreamSink {
  const note = (text: string): void => {
    seen.push(`${name} ${text}`);
  };
  return {
    onGroupOpen: (kind, _track, sequence) => note(`open ${kind} ${sequence}`),
    onFrame: (kind, _track, sequence) => note(`frame ${kind} ${sequence}`),
    onTimed: ({ id }) => note(`timed ${id}`),
    onGroupEnd: (kind, _track, sequence) => note(`end ${kind} ${sequence}`),
  } as Partial<UpstreamSink> as UpstreamSink;
}

function watch() {
  const media = new SessionMedia();
  return { media, sink: media.watch(noting("inner"), noting("past")) };
}

describe("SessionMedia", () => {
  it("passes everything on while the session is in use", () => {
    const { sink } = watch();
    sink.onGroupOpen("video", "video", 1);
    sink.onFrame("video", "video", 1, FRAME);
    sink.onGroupEnd("video", "video", 1, false);
    expect(seen).toEqual(["inner open video 1", "inner frame video 1", "inner end video 1"]);
  });

  it("lets of a session that is left pass what the next one does not bring, kind by kind", () => {
    const old = watch();
    const next = watch();
    for (const kind of KINDS) old.sink.onGroupOpen(kind, kind, 5);
    const left = vi.fn();
    old.media.leave(next.media, KINDS, left);
    seen = [];
    next.sink.onFrame("video", "video", 6, FRAME);
    old.sink.onFrame("video", "video", 5, FRAME);
    old.sink.onGroupOpen("video", "video", 6);
    old.sink.onFrame("video", "video", 6, FRAME);
    // The next one has brought no sound yet: whatever comes of it is wanted.
    old.sink.onGroupOpen("audio", "audio", 6);
    old.sink.onFrame("audio", "audio", 6, FRAME);
    expect(seen).toEqual([
      "inner frame video 6",
      "past frame video 5",
      "past open audio 6",
      "past frame audio 6",
    ]);
    old.sink.onGroupEnd("video", "video", 5, false);
    old.sink.onGroupEnd("audio", "audio", 5, false);
    vi.advanceTimersByTime(1_000);
    expect(left).not.toHaveBeenCalled();
    next.sink.onFrame("audio", "audio", 6, FRAME);
    expect(left).toHaveBeenCalledOnce();
  });

  it("is not left before half a second has passed, in which messages are asked for there", () => {
    const old = watch();
    const next = watch();
    const left = vi.fn();
    old.sink.onGroupOpen("video", "video", 5);
    old.media.leave(next.media, ["video"], left);
    next.sink.onFrame("video", "video", 5, FRAME);
    old.sink.onTimed({ v: 1, id: "a", type: "cue", at: 1, data: null }, "track");
    expect(seen.at(-1)).toBe("past timed a");
    vi.advanceTimersByTime(499);
    expect(left).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(left).toHaveBeenCalledOnce();
  });

  it("waits for a group that has not begun yet where it is left", () => {
    const old = watch();
    const next = watch();
    old.sink.onGroupOpen("video", "video", 5);
    const left = vi.fn();
    old.media.leave(next.media, ["video"], left);
    next.sink.onFrame("video", "video", 7, FRAME);
    old.sink.onGroupEnd("video", "video", 5, false);
    vi.advanceTimersByTime(1_000);
    expect(left).not.toHaveBeenCalled();
    old.sink.onGroupOpen("video", "video", 6);
    old.sink.onFrame("video", "video", 6, FRAME);
    expect(seen.at(-1)).toBe("past frame video 6");
    old.sink.onGroupEnd("video", "video", 6, false);
    expect(left).toHaveBeenCalledOnce();
  });

  it("ends the wait after two seconds, or when it is closed, once", () => {
    for (const end of [() => vi.advanceTimersByTime(2_000), (media: SessionMedia) => media.close()]) {
      const old = watch();
      const left = vi.fn();
      old.media.leave(new SessionMedia(), ["video"], left);
      end(old.media);
      old.media.close();
      expect(left).toHaveBeenCalledOnce();
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("tells of the groups that are on their way", () => {
    const { media, sink } = watch();
    sink.onGroupOpen("video", "video", 5);
    sink.onGroupOpen("video", "video", 6);
    sink.onGroupEnd("video", "video", 5, false);
    sink.onFrame("audio", "audio", 9, FRAME);
    seen = [];
    media.tellOpen(noting("told"));
    expect(seen).toEqual(["told open video 6", "told open audio 9"]);
  });
});
