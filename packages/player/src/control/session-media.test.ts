import type { TimedMessage } from "@canopy/media/timed";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PlayerError } from "../player-error.ts";
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
    onTimedReady: () => {},
    onClosed: () => note("closed"),
    onGroupEnd: (kind, _track, sequence) => note(`end ${kind} ${sequence}`),
  } as Partial<UpstreamSink> as UpstreamSink;
}

function message(id: string): TimedMessage {
  return { v: 1, id, type: "cue", at: 1, data: null };
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
    next.sink.onTimedReady();
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

  it("is not left before half a second has passed, in which messages come that were on their way", () => {
    const old = watch();
    const next = watch();
    next.sink.onTimedReady();
    const left = vi.fn();
    old.sink.onGroupOpen("video", "video", 5);
    old.media.leave(next.media, ["video"], left);
    next.sink.onFrame("video", "video", 5, FRAME);
    old.sink.onTimed(message("a"), "track", 1);
    expect(seen.at(-1)).toBe("past timed a");
    vi.advanceTimersByTime(499);
    expect(left).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(left).toHaveBeenCalledOnce();
  });

  it("is not left before the next edge sends messages, and half a second for what was on its way then", () => {
    const old = watch();
    const next = watch();
    const left = vi.fn();
    old.sink.onGroupOpen("video", "video", 5);
    old.media.leave(next.media, ["video"], left);
    next.sink.onFrame("video", "video", 5, FRAME);
    vi.advanceTimersByTime(3_000);
    next.sink.onTimedReady();
    next.sink.onTimedReady();
    vi.advanceTimersByTime(499);
    expect(left).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(left).toHaveBeenCalledOnce();
    next.sink.onTimedReady();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for nothing more when the next session has ended", () => {
    const old = watch();
    const next = watch();
    const left = vi.fn();
    old.media.leave(next.media, ["video"], left);
    next.sink.onClosed(new PlayerError("unreachable", "connection lost"));
    expect(seen).toEqual(["inner closed"]);
    vi.advanceTimersByTime(2_000);
    expect(left).toHaveBeenCalledOnce();
  });

  it("waits for the messages from before the next edge's first one", () => {
    const old = watch();
    const next = watch();
    const left = vi.fn();
    old.sink.onTimed(message("3"), "track", 3);
    old.sink.onGroupOpen("video", "video", 5);
    old.media.leave(next.media, ["video"], left);
    next.sink.onFrame("video", "video", 5, FRAME);
    next.sink.onTimed(message("5"), "track", 5);
    next.sink.onTimedReady();
    vi.advanceTimersByTime(1_000);
    expect(left).not.toHaveBeenCalled();
    old.sink.onTimed(message("4"), "track", 4);
    expect(left).toHaveBeenCalledOnce();
    expect(seen.filter((text) => text.includes("timed"))).toEqual([
      "inner timed 3",
      "inner timed 5",
      "past timed 4",
    ]);
  });

  it("waits for a group that has not begun yet where it is left", () => {
    const old = watch();
    const next = watch();
    next.sink.onTimedReady();
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

  it.each([
    ["after two seconds", true, () => vi.advanceTimersByTime(1)],
    ["after five if the next edge does not send messages", false, () => vi.advanceTimersByTime(1)],
    ["when it is closed", true, (media: SessionMedia) => media.close()],
  ])("ends the wait %s, once", (_when, isReady, end) => {
    const old = watch();
    const next = watch();
    if (isReady) next.sink.onTimedReady();
    const left = vi.fn();
    old.media.leave(next.media, ["video"], left);
    vi.advanceTimersByTime(isReady ? 1_999 : 4_999);
    expect(left).not.toHaveBeenCalled();
    end(old.media);
    old.media.close();
    expect(left).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
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
