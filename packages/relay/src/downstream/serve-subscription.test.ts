import type { TrackInfo } from "@canopy/protocol";
import { createSilentLogger } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { Store } from "../store/store.ts";
import { DownstreamCounters } from "./downstream-counters.ts";
import { DEFAULT_DOWNSTREAM_OPTIONS, type DownstreamOptions } from "./downstream-options.ts";
import { DownstreamSession } from "./downstream-session.ts";
import { RecordingResponder } from "./recording-responder-suite.ts";

const INFO: TrackInfo = { priority: 60, ordered: false, maxLatencyMs: 5_000, timescale: 1_000_000 };

function createDownstream(overrides: Partial<DownstreamOptions> = {}) {
  const time = { ms: 1_700_000_000_000 };
  const clock = { nowMs: () => time.ms, nowUs: () => time.ms * 1000 };
  const store = new Store({}, { clock, schedule: () => {} });
  const broadcast = store.publish("live/demo");
  const track = broadcast.createTrack("video", INFO);
  const counters = new DownstreamCounters();
  const createSession = () =>
    new DownstreamSession(
      {
        ...DEFAULT_DOWNSTREAM_OPTIONS,
        ...overrides,
        scope: { root: "", put: [], get: [""] },
        via: {},
        mayReplaceAnnouncements: () => true,
      },
      {
        store,
        counters,
        clock,
        logger: createSilentLogger(),
        sendRate: () => ({ sendRateBps: 0, rttMs: 0 }),
      },
    );
  const session = createSession();
  const tick = (ms: number) => {
    time.ms += ms;
    store.tick(time.ms);
    store.flush();
    session.tick(time.ms);
  };
  return { store, broadcast, track, session, createSession, counters, tick, time };
}

describe("ServedSubscription", () => {
  it("starts at the newest group's first frame and passes every frame of every following group", () => {
    const { track, session, store } = createDownstream();
    track.openGroup(1).append(1, new Uint8Array(1));
    const second = track.openGroup(2);
    second.append(2, new Uint8Array(1));
    const peer = new RecordingResponder();
    session.onSubscribe(peer);
    expect(peer.log).toEqual(["accept 60", "open 2"]);
    second.append(3, new Uint8Array(1));
    second.finish();
    track.openGroup(3).append(4, new Uint8Array(1));
    store.flush();
    expect(peer.groups.map((group) => group.timestamps)).toEqual([[2, 3], [4]]);
    expect(peer.log.slice(2)).toEqual(["open 3", "finish 2"]);
  });

  it("makes only the slow viewer lose groups", () => {
    const { track, session, createSession, store, tick, counters } = createDownstream();
    const slow = new RecordingResponder();
    slow.highWaterBytes = 1_000;
    session.onSubscribe(slow);
    const fast = Array.from({ length: 20 }, () => {
      const peer = new RecordingResponder();
      createSession().onSubscribe(peer);
      return peer;
    });
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      const group = track.openGroup(sequence);
      for (let frame = 0; frame < 10; frame += 1) {
        group.append(sequence * 100 + frame, new Uint8Array(400));
        store.flush();
      }
      group.finish();
      tick(600);
    }
    for (const peer of fast) {
      expect(peer.groups.map((group) => [group.sequence, group.timestamps.length])).toEqual(
        [1, 2, 3, 4, 5].map((sequence) => [sequence, 10]),
      );
    }
    expect(slow.log.filter((line) => line.startsWith("abort"))).toEqual([
      "abort 1 2",
      "abort 2 2",
      "abort 3 2",
      "abort 4 2",
    ]);
    expect(counters.groupsDropped.late).toBe(4);
    expect(session.bufferedBytes()).toBeLessThanOrEqual(2 * 1_404);
    // He takes up again where the newest group stopped.
    slow.highWaterBytes = Number.POSITIVE_INFINITY;
    slow.groups[slow.groups.length - 1]?.drain();
    expect(slow.groups[slow.groups.length - 1]?.timestamps).toHaveLength(10);
  });

  it("lets the rest of an old group arrive within the viewer's latency budget", () => {
    const { track, session, store, tick } = createDownstream();
    const peer = new RecordingResponder({ maxLatencyMs: 2_000 });
    peer.highWaterBytes = 100;
    session.onSubscribe(peer);
    const old = track.openGroup(1);
    old.append(1, new Uint8Array(90));
    old.append(2, new Uint8Array(90));
    old.append(3, new Uint8Array(90));
    old.finish();
    track.openGroup(2).append(4, new Uint8Array(1));
    store.flush();
    tick(1_900);
    expect(peer.log).not.toContain("abort 1 2");
    peer.highWaterBytes = Number.POSITIVE_INFINITY;
    peer.groups.find((group) => group.sequence === 1)?.drain();
    expect(peer.log).toContain("finish 1");
    expect(peer.groups.find((group) => group.sequence === 1)?.timestamps).toEqual([1, 2, 3]);
  });

  it("jumps at once when the connection is backlogged", () => {
    const { track, session, store, counters } = createDownstream({ backlogBytes: 500 });
    const peer = new RecordingResponder({ maxLatencyMs: 10_000 });
    peer.highWaterBytes = 600;
    session.onSubscribe(peer);
    const old = track.openGroup(1);
    old.append(1, new Uint8Array(700));
    old.append(2, new Uint8Array(700));
    store.flush();
    track.openGroup(2).append(3, new Uint8Array(10));
    store.flush();
    expect(peer.log).toEqual(["accept 60", "open 1", "open 2", "abort 1 2"]);
    expect(counters.groupsDropped.backlog).toBe(1);
  });

  it("can still give up an old group that is written but not yet sent", () => {
    const { track, session, store, tick } = createDownstream();
    const peer = new RecordingResponder();
    peer.highWaterBytes = 1_000;
    session.onSubscribe(peer);
    const old = track.openGroup(1);
    old.append(1, new Uint8Array(700));
    old.finish();
    track.openGroup(2).append(3, new Uint8Array(10));
    store.flush();
    tick(600);
    expect(peer.log.slice(-1)).toEqual(["abort 1 2"]);
    expect(session.bufferedBytes()).toBeLessThan(20);
  });

  it("skips groups while the peer allows no streams and goes on with the newest", () => {
    const { track, session, store, tick, counters } = createDownstream();
    const peer = new RecordingResponder();
    peer.streamLimit = 1;
    session.onSubscribe(peer);
    for (let sequence = 1; sequence <= 4; sequence += 1) {
      const group = track.openGroup(sequence);
      group.append(sequence, new Uint8Array(1));
      group.finish();
      store.flush();
      tick(600);
    }
    expect(counters.groupsDropped.streams).toBe(2);
    expect(peer.log).toContain("drop 2-2 2");
    peer.streamLimit = 9;
    peer.handler?.onStreamsAvailable();
    expect(peer.log.slice(-2)).toEqual(["open 4", "finish 4"]);
  });

  it("passes every message of a track with a group per message, however many come between two flushes", () => {
    const { track, session, store, counters } = createDownstream();
    const peer = new RecordingResponder({ maxLatencyMs: 10_000 });
    // The transport takes the bytes but has not sent them yet.
    peer.highWaterBytes = 1_000_000;
    session.onSubscribe(peer);
    for (let sequence = 1; sequence <= 100; sequence += 1) {
      const group = track.openGroup(sequence);
      group.append(sequence, new Uint8Array(900));
      group.finish();
    }
    store.flush();
    const sent = peer.groups.map((group) => group.sequence).sort((a, b) => a - b);
    expect(sent).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(peer.log.filter((line) => /^(abort|drop)/.test(line))).toEqual([]);
    expect(counters.groupsDropped.streams + counters.groupsDropped.backlog).toBe(0);
  });

  it("opens older groups below newer ones, or above them for a viewer who wants order", () => {
    const { track, session, store } = createDownstream();
    const newest = new RecordingResponder();
    const inOrder = new RecordingResponder({ ordered: true, priority: 0 });
    session.onSubscribe(newest);
    session.onSubscribe(inOrder);
    track.openGroup(1).append(1, new Uint8Array(1));
    track.openGroup(2).append(2, new Uint8Array(1));
    store.flush();
    const priorities = (peer: RecordingResponder) =>
      peer.groups.map((group) => `${group.sequence}:${group.priority}`).sort();
    expect(priorities(newest)).toEqual(["1:60", "2:61"]);
    expect(priorities(inOrder)).toEqual(["1:61", "2:60"]);
  });

  it("keeps to the group bounds and takes a raised end up again", () => {
    const { track, session, store } = createDownstream();
    for (let sequence = 1; sequence <= 5; sequence += 1) {
      const group = track.openGroup(sequence);
      group.append(sequence, new Uint8Array(1));
      group.finish();
    }
    const peer = new RecordingResponder({ startGroup: 2, endGroup: 3 });
    session.onSubscribe(peer);
    expect(peer.groups.map((group) => group.sequence)).toEqual([3, 2]);
    peer.handler?.onUpdate({ ...peer.options, endGroup: 4 });
    store.flush();
    expect(peer.groups.map((group) => group.sequence)).toEqual([3, 2, 4]);
  });

  it("does not send a group twice that waits for a stream when the bounds change", () => {
    const { track, session, store } = createDownstream();
    const peer = new RecordingResponder({ endGroup: 9 });
    peer.streamLimit = 0;
    session.onSubscribe(peer);
    track.openGroup(1).append(1, new Uint8Array(1));
    store.flush();
    peer.handler?.onUpdate({ ...peer.options, endGroup: 10 });
    peer.streamLimit = 9;
    peer.handler?.onStreamsAvailable();
    expect(peer.groups.map((group) => group.sequence)).toEqual([1]);
  });

  it("ends the subscription after the last frame when the broadcast ends", () => {
    const { track, session, store, broadcast, counters } = createDownstream();
    const peer = new RecordingResponder();
    session.onSubscribe(peer);
    const group = track.openGroup(7);
    group.append(1, new Uint8Array(1));
    group.finish();
    broadcast.end();
    store.flush();
    expect(peer.log).toEqual(["accept 60", "open 7", "finish 7", "end 7"]);
    expect(counters.subscriptions).toBe(0);
    expect(session.openCount).toBe(0);
  });

  it("never holds more unsent bytes for a session than its bound", () => {
    const { track, session, store, tick } = createDownstream({ maxBufferedBytes: 10_000, backlogBytes: 1e9 });
    const peer = new RecordingResponder({ maxLatencyMs: 60_000 });
    peer.highWaterBytes = 3_000;
    session.onSubscribe(peer);
    for (let sequence = 1; sequence <= 30; sequence += 1) {
      const group = track.openGroup(sequence);
      for (let frame = 0; frame < 10; frame += 1) group.append(frame, new Uint8Array(1_000));
      group.finish();
      store.flush();
      tick(10);
      expect(session.bufferedBytes()).toBeLessThanOrEqual(10_000);
    }
  });

  it("answers a subscription that came before its track when the track is made, or else in time", () => {
    const { session, broadcast, tick } = createDownstream();
    const [early, vain] = ["audio", "nope"].map((track) =>
      Object.assign(new RecordingResponder(), { track }),
    );
    if (early === undefined || vain === undefined) throw new Error("no responders");
    session.onSubscribe(early);
    session.onSubscribe(vain);
    tick(1_000);
    expect([early.log, vain.log]).toEqual([[], []]);
    broadcast
      .createTrack("audio", { ...INFO, priority: 80 })
      .openGroup(3)
      .append(1, new Uint8Array(1));
    tick(10);
    expect(early.log).toEqual(["accept 80", "open 3"]);
    tick(4_000);
    expect(vain.log).toEqual(["reject 13"]);
  });

  it("lets a peer wait for so many tracks of a broadcast only, and ask again for those that it waits for", () => {
    const { session, createSession, broadcast, store } = createDownstream({ maxUnansweredTracks: 3 });
    const ask = (track: string, from = session) => {
      const responder = Object.assign(new RecordingResponder(), { track });
      from.onSubscribe(responder);
      return responder.log;
    };
    const [first = [], ...others] = ["a", "b", "c"].map((name) => ask(name));
    expect([first, ...others]).toEqual([[], [], []]);
    expect(ask("d")).toEqual(["reject 11"]);
    expect(ask("a")).toEqual([]);
    expect(ask("video")).toEqual(["accept 60"]);
    expect(ask("d", createSession())).toEqual([]);
    broadcast.createTrack("a", INFO);
    store.flush();
    expect(first).toEqual(["accept 60"]);
    expect(ask("d")).toEqual([]);
    expect(ask("e")).toEqual(["reject 11"]);
  });

  it("refuses what may not be seen, what is not there and too many subscriptions", () => {
    const { session, counters, time } = createDownstream({ maxSubscriptions: 1 });
    time.ms += 5_000;
    const missing = Object.assign(new RecordingResponder(), { track: "nope" });
    session.onSubscribe(missing);
    expect(missing.log).toEqual(["reject 13"]);
    session.onSubscribe(new RecordingResponder());
    const second = new RecordingResponder();
    session.onSubscribe(second);
    expect(second.log).toEqual(["reject 11"]);
    expect(counters.requestsRefused).toBe(2);
    session.close();
    session.close();
    expect(session.openCount).toBe(0);
    expect(counters.subscriptions).toBe(0);
  });
});
