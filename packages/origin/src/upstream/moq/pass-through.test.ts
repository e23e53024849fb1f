import { ERROR_CODES } from "@canopy/protocol";
import { type RouteSource, Store, type Track } from "@canopy/relay";
import { describe, expect, it } from "vitest";
import { PassThroughSource } from "./pass-through.ts";

/** A publisher's session that has every track, as soon as it is asked for. */
const PUBLISHER: RouteSource = { openTrack: () => ({ update: () => {}, close: () => {} }) };
const INFO = { priority: 0, ordered: false, maxLatencyMs: 0, timescale: 1_000 };

/** What the publisher sends, in a store of its own, and the broadcast that viewers see. */
function createBroadcasts(maxTracksPerBroadcast: number) {
  const schedule = (): void => {};
  const publisher = new Store({ limits: { maxTracksPerBroadcast } }, { schedule });
  const theirs = publisher.publish("live/x", { source: PUBLISHER });
  const source = new PassThroughSource();
  source.connect(theirs);
  const node = new Store({}, { schedule });
  const ours = node.publish("live/x", { source });
  const follow = (name: string) => {
    const track = ours.request(name);
    const events: string[] = [];
    track?.subscribe({
      onFrame: (frame) => events.push(`frame ${frame.timestamp}`),
      onClosed: (code) => events.push(`closed ${code}`),
    });
    return { track, events };
  };
  const flush = (): void => {
    publisher.flush();
    node.flush();
  };
  return { theirs, source, follow, flush };
}

function send(track: Track | undefined, timestamp: number): void {
  const group = track?.openGroup();
  group?.append(timestamp, new Uint8Array(1));
  group?.finish();
}

describe("PassThroughSource", () => {
  it("copies a track when somebody asks for it", () => {
    const { theirs, follow, flush } = createBroadcasts(8);
    const { events } = follow("chat");
    theirs.track("chat")?.setInfo(INFO);
    send(theirs.track("chat"), 5);
    flush();
    expect(events).toEqual(["frame 5"]);
  });

  it("refuses tracks above the publisher's limit, and the others go on", () => {
    const { theirs, follow, flush } = createBroadcasts(1);
    const first = follow("chat");
    const second = follow("poll");
    theirs.track("chat")?.setInfo(INFO);
    send(theirs.track("chat"), 5);
    flush();
    expect(second.events).toEqual([`closed ${ERROR_CODES.boundsExceeded}`]);
    expect(first.events).toEqual(["frame 5"]);
  });
});
