import { describe, expect, it } from "vitest";
import { parseRecordings, parseRooms, parseTimeline } from "./recordings.ts";
import { parseRestreams } from "./restreams.ts";

describe("parseRecordings", () => {
  it("takes what it knows, and makes paths of the origin into URLs", () => {
    const list = { recordings: [{ id: "1", broadcast: "live/a", video: "/recordings/1/video.mp4" }, {}, 7] };
    expect(parseRecordings(list, "http://o")).toEqual([
      expect.objectContaining({ id: "1", video: "http://o/recordings/1/video.mp4", playlist: undefined }),
    ]);
    expect(parseRecordings("nonsense", "http://o")).toEqual([]);
  });
});

describe("parseRooms", () => {
  it("takes the rooms of the same answer, with the ids of their recordings", () => {
    const room = { id: "1", room: "class-7", state: "recording", recordings: ["2", 3], durationSeconds: 4 };
    expect(parseRooms({ rooms: [room, { id: "5" }, null] })).toEqual([
      expect.objectContaining({ id: "1", room: "class-7", recordings: ["2"], durationSeconds: 4 }),
    ]);
    expect(parseRooms({ recordings: [] })).toEqual([]);
  });
});

describe("parseTimeline", () => {
  it("puts messages in the order of their moments", () => {
    const event = (id: string, offsetSeconds: number) => ({ offsetSeconds, message: { id, type: "cue" } });
    const messages = parseTimeline({ events: [event("b", 2), event("a", 1), { message: {} }] });
    expect(messages.map(({ id }) => id)).toEqual(["a", "b"]);
  });
});

describe("parseRestreams", () => {
  it("tells the last error", () => {
    const list = { restreams: [{ id: "1", broadcast: "live/a", error: { message: "gone" } }] };
    expect(parseRestreams(list)).toEqual([expect.objectContaining({ error: "gone", state: "waiting" })]);
  });
});
