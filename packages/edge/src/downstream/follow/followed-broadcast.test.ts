import { type Catalog, encodeCatalog } from "@canopy/media/catalog";
import { encodeTimedMessage, type TimedMessage } from "@canopy/media/timed";
import { type RouteSource, Store, type Track } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { FollowedBroadcast } from "./followed-broadcast.ts";

const NOW_MS = 1_780_000_000_000;
const INFO = { priority: 60, ordered: true, maxLatencyMs: 10_000, timescale: 1_000_000 };
const CATALOG: Catalog = { canopy: { timed: { track: "timed" } } };
const CUE: TimedMessage = { v: 1, id: "cue", type: "cue", at: NOW_MS * 1_000, data: null };
const SOURCE: RouteSource = { openTrack: () => ({ update: () => {}, close: () => {} }) };
const open: { close(): void }[] = [];

afterEach(() => {
  for (const one of open.splice(0).reverse()) one.close();
});

/** A broadcast of a parent, which has every track that is asked for, and what follows it. */
function follow(maxTracksPerBroadcast: number) {
  const clock = { nowMs: () => NOW_MS, nowUs: () => NOW_MS * 1_000 };
  const store = new Store({ limits: { maxTracksPerBroadcast } }, { clock, schedule: () => {} });
  const broadcast = store.publish("live/x", { source: SOURCE });
  const start = () => {
    const told: string[] = [];
    const followed = new FollowedBroadcast(
      { path: "live/x", describe: ({ canopy }) => ({ timedTrack: canopy?.timed?.track }) },
      {
        onMedia: () => void told.push("media"),
        onTimed: ({ id }) => void told.push(id),
        onActive: () => {},
        onGone: () => {},
      },
      { store, logger: createSilentLogger(), nowMs: clock.nowMs },
    );
    open.push(followed);
    followed.wantTimed();
    return { followed, told };
  };
  return { store, broadcast, start };
}

function send(track: Track | undefined, bytes: Uint8Array): void {
  track?.setInfo(INFO);
  const group = track?.openGroup();
  group?.append(NOW_MS * 1_000, bytes);
  group?.finish();
}

describe("FollowedBroadcast", () => {
  it("tells of the catalog and of timed messages", () => {
    const { store, broadcast, start } = follow(8);
    const { told } = start();
    send(broadcast.track("catalog.json"), encodeCatalog(CATALOG));
    store.flush();
    send(broadcast.track("timed"), encodeTimedMessage(CUE));
    store.flush();
    expect(told).toEqual(["media", "cue"]);
  });

  it("waits for room while viewers have asked for as many tracks as a broadcast may have", () => {
    const { store, broadcast, start } = follow(2);
    const [first, second] = [broadcast.request("a"), broadcast.request("b")];
    const { followed, told } = start();
    followed.tick();
    expect(followed.request("video")).toBeUndefined();
    first?.close();
    store.flush();
    store.tick(NOW_MS);
    followed.tick();
    send(broadcast.track("catalog.json"), encodeCatalog(CATALOG));
    // The catalog names a track that there is no room for.
    store.flush();
    followed.tick();
    expect(told).toEqual(["media"]);
    second?.close();
    store.flush();
    store.tick(NOW_MS);
    followed.tick();
    send(broadcast.track("timed"), encodeTimedMessage(CUE));
    store.flush();
    expect(told).toEqual(["media", "cue"]);
  });

  it.each([
    ["ends", false],
    ["is followed by another one of its publisher", true],
  ])("tells of the last messages of a broadcast that %s", (_, comesAgain) => {
    const { store, broadcast, start } = follow(8);
    const { told } = start();
    send(broadcast.track("catalog.json"), encodeCatalog(CATALOG));
    store.flush();
    const timed = broadcast.track("timed");
    // The one between them has got lost.
    for (const sequence of [1, 3]) {
      timed?.setInfo(INFO);
      const group = timed?.receiveGroup(sequence);
      group?.append(NOW_MS * 1_000, encodeTimedMessage({ ...CUE, id: `cue ${sequence}` }));
      group?.finish();
      store.flush();
    }
    expect(told).toEqual(["media", "cue 1"]);
    store.removeRoute(broadcast.route, { linger: false });
    if (comesAgain) store.publish("live/x", { source: SOURCE });
    store.flush();
    expect(told).toEqual(["media", "cue 1", "cue 3"]);
  });
});
