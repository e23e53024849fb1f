import { ERROR_CODES, type SubscribeOptions, type TrackInfo } from "@canopy/protocol";
import { describe, expect, it } from "vitest";
import { RelayError } from "../relay-error.ts";
import type { Broadcast } from "./broadcast.ts";
import type { RouteSource } from "./route.ts";
import { Store, type StoreOptions } from "./store.ts";
import type { Track } from "./track.ts";

const INFO: TrackInfo = { priority: 60, ordered: false, maxLatencyMs: 5_000, timescale: 1_000_000 };

function createStore(options: StoreOptions = {}) {
  const time = { ms: 1_700_000_000_000 };
  const clock = { nowMs: () => time.ms, nowUs: () => time.ms * 1000 };
  const store = new Store(options, { clock, schedule: () => {} });
  const log: string[] = [];
  store.watch("", {
    onActive: (broadcast) => log.push(`active ${broadcast.path} ${broadcast.hops.join(",")}`.trim()),
    onEnded: (broadcast) => log.push(`ended ${broadcast.path}`),
    onRerouted: (broadcast) => log.push(`rerouted ${broadcast.path} ${broadcast.hops.join(",")}`),
  });
  return { store, time, log };
}

class RecordingSource implements RouteSource {
  readonly calls: string[] = [];
  readonly ends: (number | undefined)[] = [];
  tracks: Track[] = [];

  openTrack(path: string, track: Track, demand: SubscribeOptions) {
    this.ends.push(demand.endGroup);
    this.calls.push(`open ${path} ${track.name} ${demand.startGroup ?? "newest"}`);
    this.tracks.push(track);
    return {
      update: (next: { priority: number }) => this.calls.push(`update ${next.priority}`),
      close: () => this.calls.push("close"),
    };
  }
}

function follow(track: Track, priority = 60) {
  const events: string[] = [];
  const reading = track.subscribe(
    {
      onGroup: (group) => events.push(`group ${group.sequence}`),
      onFrame: (frame) => events.push(`frame ${frame.timestamp}`),
      onGroupEnd: (group, complete) => events.push(`end ${group.sequence} ${complete}`),
      onClosed: (code) => events.push(`closed ${code}`),
    },
    { priority },
  );
  return { events, reading };
}

describe("Store", () => {
  it("lets go of an observer that throws, and goes on with the others", () => {
    const { store } = createStore();
    const failures: string[] = [];
    store.onObserverFailed = (track, error) => failures.push(`${track.name} ${(error as Error).message}`);
    const track = store.publish("live/demo").createTrack("video", INFO);
    const before = follow(track);
    const codes: (number | undefined)[] = [];
    track.subscribe({
      onFrame: () => {
        throw new Error("no such picture");
      },
      onClosed: (code) => {
        codes.push(code);
        throw new Error("nor an end");
      },
    });
    const after = follow(track);
    const group = track.openGroup(1);
    for (const timestamp of [10, 20]) {
      group.append(timestamp, new Uint8Array(3));
      store.flush();
    }
    expect(failures).toEqual(["video no such picture", "video nor an end"]);
    expect(codes).toEqual([ERROR_CODES.closed]);
    for (const { events } of [before, after]) expect(events).toEqual(["group 1", "frame 10", "frame 20"]);
    expect(track.observerCount).toBe(2);
  });

  it("does not hide an error that nobody is told of", () => {
    const { store } = createStore();
    const track = store.publish("live/demo").createTrack("video", INFO);
    track.subscribe({
      onFrame: () => {
        throw new Error("no such picture");
      },
      onClosed: () => {},
    });
    track.openGroup(1).append(10, new Uint8Array(3));
    expect(() => store.flush()).toThrow("no such picture");
  });

  it("starts a late subscriber at the first frame of the newest group and then keeps the order", () => {
    const { store } = createStore();
    const track = store.publish("live/demo").createTrack("video", INFO);
    const old = track.openGroup(1);
    old.append(10, new Uint8Array(3));
    old.finish();
    const newest = track.openGroup();
    newest.append(20, new Uint8Array(3));
    const { events } = follow(track);
    newest.append(30, new Uint8Array(3));
    newest.finish();
    store.flush();
    expect(events).toEqual(["group 2", "frame 20", "frame 30", "end 2 true"]);
    const next = track.openGroup();
    next.append(40, new Uint8Array(1));
    store.flush();
    expect(events.slice(4)).toEqual(["group 3", "frame 40"]);
  });

  it("numbers the first group of a track by the clock, above anything sent before a restart", () => {
    const { store, time } = createStore();
    const track = store.publish("a").createTrack("video", INFO);
    expect(track.openGroup().sequence).toBe(time.ms);
    expect(track.openGroup().sequence).toBe(time.ms + 1);
  });

  it("keeps cached bytes within the store's limit by evicting old groups, never the newest", () => {
    const { store } = createStore({ limits: { maxCacheBytes: 10_000 } });
    const tracks = ["a", "b", "c"].map((path) => store.publish(path).createTrack("video", INFO));
    for (let round = 0; round < 50; round += 1) {
      for (const track of tracks) {
        const group = track.openGroup();
        for (let frame = 0; frame < 3; frame += 1)
          expect(group.append(frame, new Uint8Array(300))).toBe(true);
        group.finish();
        expect(store.cacheBytes).toBeLessThanOrEqual(10_000);
        expect(track.latest).toBe(group);
      }
    }
    const bytes = tracks.flatMap((track) => track.groups).reduce((sum, group) => sum + group.bytes, 0);
    expect(store.cacheBytes).toBe(bytes);
    expect(store.counters.groupsEvicted).toBeGreaterThan(100);
    store.close();
    expect(store.cacheBytes).toBe(0);
  });

  it("gives up a group that never ends, instead of the node's memory", () => {
    const { store } = createStore({ limits: { maxGroupBytes: 1_000 } });
    const group = store.publish("a").createTrack("video", INFO).openGroup();
    expect(group.append(1, new Uint8Array(900))).toBe(true);
    expect(group.append(2, new Uint8Array(200))).toBe(false);
    expect(group.abortCode).toBe(11);
    expect(store.counters.groupsOverLimit).toBe(1);
  });

  it("expires groups by the track's cache time, but keeps the newest for ever", () => {
    const { store, time } = createStore();
    const track = store.publish("a").createTrack("video", INFO);
    const first = track.openGroup();
    track.openGroup().finish();
    time.ms += 4_000;
    store.tick(time.ms);
    expect(track.groups).toHaveLength(2);
    time.ms += 100_000;
    store.tick(time.ms);
    expect(track.groups).toHaveLength(1);
    expect(first.abortCode).toBeDefined();
  });

  it("tells subscribers of a track once per flush, whatever the number of frames", () => {
    const { store } = createStore();
    const track = store.publish("a").createTrack("video", INFO);
    let calls = 0;
    const observer = {
      slot: -1,
      demand: { priority: 1, ordered: false, maxLatencyMs: 0, startGroup: undefined, endGroup: undefined },
      onTrackInfo: () => {},
      onTrackNews: () => {
        calls += 1;
      },
      onTrackClosed: () => {},
    };
    track.attach(observer);
    const group = track.openGroup();
    for (let frame = 0; frame < 10; frame += 1) group.append(frame, new Uint8Array(1));
    store.flush();
    store.flush();
    expect(calls).toBe(1);
  });

  it("asks a source once for a track whatever the number of subscribers, and releases it some seconds after the last", () => {
    const { store, time } = createStore({ keepTrackMs: 5_000 });
    const source = new RecordingSource();
    store.addRoute("a", { hops: [7], source });
    const track = store.get("a")?.request("video");
    if (track === undefined) throw new Error("no track");
    const followers = Array.from({ length: 200 }, () => follow(track));
    expect(source.calls).toEqual(["open a video newest"]);
    follow(track, 90).reading.close();
    expect(source.calls.slice(1)).toEqual(["update 90"]);
    time.ms += 100;
    store.tick(time.ms);
    expect(source.calls.slice(2)).toEqual(["update 60"]);
    for (const { reading } of followers) reading.close();
    time.ms += 4_999;
    store.tick(time.ms);
    expect(source.calls).toHaveLength(3);
    time.ms += 200;
    store.tick(time.ms);
    expect(source.calls.slice(3)).toEqual(["close"]);
    expect(store.get("a")?.tracks.size).toBe(0);
  });

  it("lets no subscriber's bounds keep groups from the others", () => {
    const { store } = createStore();
    const source = new RecordingSource();
    store.addRoute("a", { hops: [7], source });
    const track = store.get("a")?.request("video");
    if (track === undefined) throw new Error("no track");
    const reader = { onFrame: () => {}, onClosed: () => {} };
    track.subscribe(reader, { priority: 60, startGroup: 2 ** 52, endGroup: 2 ** 52 });
    track.subscribe(reader, { priority: 60, startGroup: 7, endGroup: 9 });
    follow(track);
    follow(track);
    expect(source.calls).toEqual([
      `open a video ${2 ** 52}`,
      "close",
      "open a video 7",
      "close",
      "open a video newest",
    ]);
    expect(source.ends).toEqual([undefined, undefined, undefined]);
  });

  it("lets go of a feed whose source closes the track while it is opened", () => {
    const { store } = createStore();
    let closed = 0;
    const source: RouteSource = {
      openTrack: (_path, track) => {
        track.close(4);
        return { update: () => {}, close: () => closed++ };
      },
    };
    store.addRoute("a", { hops: [7], source });
    const track = store.get("a")?.request("video");
    if (track === undefined) throw new Error("no track");
    const { events } = follow(track);
    store.flush();
    expect(events).toEqual(["closed 4"]);
    expect(closed).toBe(1);
  });

  it("prefers live routes, then short ones, and moves a track's source to the next group needed", () => {
    const { store, log } = createStore();
    const long = new RecordingSource();
    const short = new RecordingSource();
    store.addRoute("a", { hops: [7, 8, 9], source: long });
    const track = store.get("a")?.request("video");
    if (track === undefined) throw new Error("no track");
    const { events } = follow(track);
    const complete = track.receiveGroup(4);
    complete?.append(1, new Uint8Array(1));
    complete?.finish();
    const shortRoute = store.addRoute("a", { hops: [7, 10], source: short });
    expect(long.calls).toEqual(["open a video newest", "close"]);
    expect(short.calls).toEqual(["open a video 5"]);
    const partial = track.receiveGroup(5);
    partial?.append(2, new Uint8Array(1));
    if (shortRoute !== undefined) store.removeRoute(shortRoute, { linger: true });
    expect(long.calls.slice(2)).toEqual(["open a video 5"]);
    const resumed = track.receiveGroup(5);
    expect(resumed).toBe(partial);
    expect(track.receiveGroup(5)).toBeUndefined();
    expect(track.receiveGroup(4)).toBeUndefined();
    resumed?.append(3, new Uint8Array(1));
    resumed?.finish();
    store.flush();
    expect(events).toEqual([
      "group 4",
      "frame 1",
      "end 4 true",
      "group 5",
      "frame 2",
      "frame 3",
      "end 5 true",
    ]);
    expect(log).toEqual(["active a 7,8,9", "rerouted a 7,10", "rerouted a 7,8,9"]);
  });

  it("begins a feed again where a child needs it that is some groups behind, each time only once", () => {
    const { store } = createStore();
    const source = new RecordingSource();
    const numbered: RouteSource = {
      openTrack: (...args) => ({ ...source.openTrack(...args), knowsNumbers: true }),
    };
    store.addRoute("live/demo", { hops: [1], source: numbered });
    const track = store.get("live/demo")?.request("video");
    if (track === undefined) throw new Error("no track");
    track.setInfo(INFO);
    follow(track);
    const nobody = { onFrame: () => {}, onClosed: () => {} };
    const newest = track.receiveGroup(20);
    newest?.append(200, new Uint8Array(1));
    track.subscribe(nobody, { startGroup: 19 });
    track.subscribe(nobody, { startGroup: 19 });
    expect(source.calls).toEqual(["open live/demo video newest", "close", "open live/demo video 19"]);
    track.receiveGroup(19)?.append(190, new Uint8Array(1));
    // The group that was under way goes on where it was.
    expect(track.receiveGroup(20)).toBe(newest);
    newest?.append(210, new Uint8Array(1));
    expect(track.groups.map(({ sequence, frames }) => [sequence, frames.length])).toEqual([
      [19, 1],
      [20, 2],
    ]);
    // Whoever wants the past is not worth beginning again.
    track.subscribe(nobody, { startGroup: 2 });
    expect(source.calls).toHaveLength(3);
  });

  it("takes no group whose followers could not be numbered", () => {
    const { store } = createStore();
    const track = store.publish("a").createTrack("video", INFO);
    const largest = Number.MAX_SAFE_INTEGER - 2;
    expect(track.receiveGroup(largest)).toBeDefined();
    expect(track.receiveGroup(largest + 1)).toBeUndefined();
    expect(track.receiveGroup(2 ** 60)).toBeUndefined();
  });

  it("does not begin with old groups for whoever comes while the source is away", () => {
    const { store } = createStore();
    const source = new RecordingSource();
    const route = store.addRoute("a", { hops: [7], source });
    const track = store.get("a")?.request("video");
    if (track === undefined || route === undefined) throw new Error("no track");
    const first = follow(track);
    track.receiveGroup(5)?.append(1, new Uint8Array(1));
    store.removeRoute(route, { linger: true });
    first.reading.close();
    const second = follow(track);
    store.addRoute("a", { hops: [7], source });
    expect(source.calls.slice(-1)).toEqual(["open a video newest"]);
    // The same group is still the newest there, and is sent whole.
    const again = track.receiveGroup(5);
    again?.append(1, new Uint8Array(1));
    again?.append(2, new Uint8Array(1));
    store.flush();
    expect(second.events).toEqual(["group 5", "frame 1", "frame 2"]);
    expect(store.cacheBytes).toBe(again?.bytes);
  });

  it("lets a lost publisher come back within the linger time without end and start", () => {
    const { store, time, log } = createStore();
    const broadcast = store.publish("live/demo");
    const track = broadcast.createTrack("video", INFO);
    const { events } = follow(track);
    track.openGroup(100).append(1, new Uint8Array(1));
    broadcast.lost();
    time.ms += 4_000;
    store.tick(time.ms);
    const again = store.publish("live/demo");
    expect(again).toBe(broadcast);
    expect(again.createTrack("video", INFO)).toBe(track);
    track.openGroup().append(2, new Uint8Array(1));
    store.flush();
    expect(events).toEqual(["group 100", "frame 1", "end 100 true", "group 101", "frame 2"]);
    expect(log).toEqual(["active live/demo"]);
    again.lost();
    time.ms += 5_000;
    store.tick(time.ms);
    store.flush();
    expect(log.slice(1)).toEqual(["ended live/demo"]);
    expect(events.slice(-1)).toEqual(["closed undefined"]);
  });

  it("drops routes through itself and starts a new broadcast when the first hop changes", () => {
    const { store, log } = createStore({ originId: 5, lingerMs: 0 });
    expect(store.addRoute("a", { hops: [1, 5, 2], source: new RecordingSource() })).toBeUndefined();
    expect(store.counters.routesLooped).toBe(1);
    const first = store.addRoute("a", { hops: [1, 2], source: new RecordingSource() });
    const before: Broadcast | undefined = store.get("a");
    if (first !== undefined) store.replaceRoute(first, { hops: [3, 2], source: new RecordingSource() });
    expect(before?.closed).toBe(true);
    expect(log).toEqual(["active a 1,2", "ended a", "active a 3,2"]);
  });

  it("lets viewers who come at the very beginning wait for a track, but not for ever", () => {
    const { store, time } = createStore();
    const broadcast = store.publish("live/demo");
    const track = broadcast.request("video");
    const missing = broadcast.request("nothing");
    if (track === undefined || missing === undefined) throw new Error("refused");
    const early = follow(track);
    const vain = follow(missing);
    const infos: (TrackInfo | undefined)[] = [];
    track.awaitInfo({ onTrackInfo: (info) => infos.push(info), onTrackClosed: () => infos.push(undefined) });
    time.ms += 3_000;
    store.tick(time.ms);
    expect(broadcast.createTrack("video", INFO)).toBe(track);
    track.openGroup(7).append(10, new Uint8Array(3));
    store.flush();
    expect(infos).toEqual([INFO]);
    expect(early.events).toEqual(["group 7", "frame 10"]);
    time.ms += 2_000;
    expect(broadcast.request("later")).toBeUndefined();
    store.tick(time.ms);
    store.flush();
    expect(vain.events).toEqual(["closed 13"]);
    expect(track.closed).toBe(false);
    store.tick(time.ms);
    expect([...broadcast.tracks.keys()]).toEqual(["video"]);
  });

  it("keeps room for the publisher's tracks, whatever is asked for at the beginning", () => {
    const { store } = createStore({ limits: { maxTracksPerBroadcast: 20 } });
    const broadcast = store.publish("live/demo");
    const asked = Array.from({ length: 100 }, (_, index) => broadcast.request(`asked-${index}`));
    expect(asked.filter((track) => track !== undefined)).toHaveLength(16);
    for (let index = 0; index < 20; index += 1) broadcast.createTrack(`own-${index}`, INFO);
    expect(() => broadcast.createTrack("own-20", INFO)).toThrow(RelayError);
  });

  it("makes an offered track while somebody follows it, and for the keep time after the last one left", () => {
    const { store, time } = createStore({ keepTrackMs: 3_000 });
    const broadcast = store.publish("a");
    const source = new RecordingSource();
    broadcast.offerTrack("audio-opus", INFO, (track, demand) => source.openTrack("a", track, demand));
    expect(broadcast.track("audio-opus")).toBeUndefined();
    const track = broadcast.request("audio-opus");
    if (track === undefined) throw new Error("no track");
    expect(track.info).toBe(INFO);
    expect(source.calls).toEqual([]);

    const first = follow(track);
    const second = follow(track);
    track.openGroup(1).append(10, new Uint8Array(1));
    store.flush();
    expect(first.events).toEqual(["group 1", "frame 10"]);
    expect(second.events).toEqual(first.events);
    first.reading.close();
    second.reading.close();
    time.ms += 2_900;
    store.tick(time.ms);
    expect(source.calls).toEqual(["open a audio-opus newest"]);
    const third = follow(track);
    third.reading.close();
    time.ms += 3_000;
    store.tick(time.ms);
    expect(source.calls.filter((call) => !call.startsWith("update"))).toEqual([
      "open a audio-opus newest",
      "close",
    ]);
    expect(track.closed).toBe(true);

    const again = broadcast.request("audio-opus");
    if (again === undefined) throw new Error("no track");
    follow(again);
    expect(source.calls.at(-1)).toBe("open a audio-opus newest");
  });

  it("leaves an offered track alone when the publisher is lost and comes back", () => {
    const { store } = createStore();
    const broadcast = store.publish("a");
    const source = new RecordingSource();
    broadcast.offerTrack("audio-opus", INFO, (track, demand) => source.openTrack("a", track, demand));
    const track = broadcast.request("audio-opus");
    if (track === undefined) throw new Error("no track");
    follow(track);
    broadcast.lost();
    store.publish("a");
    expect(source.calls).toEqual(["open a audio-opus newest"]);
  });

  it("tells the subscribers of an offered track when the offer is withdrawn", () => {
    const { store, time } = createStore();
    const broadcast = store.publish("a");
    const source = new RecordingSource();
    broadcast.offerTrack("audio-opus", INFO, (track, demand) => source.openTrack("a", track, demand));
    const track = broadcast.request("audio-opus");
    if (track === undefined) throw new Error("no track");
    const { events } = follow(track);
    broadcast.withdrawOffer("audio-opus", 5);
    store.flush();
    expect(events).toEqual(["closed 5"]);
    expect(source.calls).toEqual(["open a audio-opus newest", "close"]);
    time.ms += 5_000;
    expect(broadcast.request("audio-opus")).toBeUndefined();
    broadcast.withdrawOffer("audio-opus");
  });

  it("refuses a second publisher of a path, bad names and too many of anything", () => {
    const { store } = createStore({ limits: { maxBroadcasts: 1, maxTracksPerBroadcast: 1 } });
    const broadcast = store.publish("/live//demo/");
    expect(broadcast.path).toBe("live/demo");
    const codeOf = (act: () => unknown) => {
      try {
        act();
      } catch (error) {
        return error instanceof RelayError ? `${error.code} ${error.subject}` : "unknown";
      }
      return "none";
    };
    expect(codeOf(() => store.publish("live/demo"))).toBe("broadcast_exists live/demo");
    expect(codeOf(() => store.publish("//"))).toBe("invalid_path //");
    expect(codeOf(() => store.publish("other"))).toBe("limit_reached maxBroadcasts");
    expect(codeOf(() => store.publish("x".repeat(2_000)))).toBe("limit_reached maxPathBytes");
    broadcast.createTrack("video", INFO);
    expect(codeOf(() => broadcast.createTrack("audio", INFO))).toBe("limit_reached maxTracksPerBroadcast");
    expect(codeOf(() => broadcast.createTrack("x".repeat(300), INFO))).toBe(
      "limit_reached maxTrackNameBytes",
    );
  });
});
