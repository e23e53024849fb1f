import {
  ERROR_CODES,
  encodeFrame,
  framePayload,
  type SubscribeOptions,
  type WireFrame,
} from "@canopy/protocol";
import { describe, expect, test } from "vitest";
import {
  AnnounceLog,
  createSessionPair,
  INFO,
  OPTIONS,
  type SessionPair,
  type SessionPairOptions,
  SubscriptionLog,
  VERSIONS,
} from "./session-pair.ts";

/** Frames of group 0 of the vectors; the third one goes back in time, as B-frames do. */
function frames(): WireFrame[] {
  return [
    encodeFrame(1_000_000, 0, Uint8Array.of(0xa0, 0xa1, 0xa2, 0xa3)),
    encodeFrame(1_033_333, 1_000_000, Uint8Array.of(0xa0, 0xa1, 0xa2)),
    encodeFrame(1_016_666, 1_033_333, Uint8Array.of(0xa0, 0xa1)),
  ];
}

function defined<T>(value: T | undefined): T {
  expect(value).toBeDefined();
  return value as T;
}

/** The client subscribes and the server accepts. */
function subscribed(pair: SessionPair) {
  const log = new SubscriptionLog();
  const subscription = pair.client.subscribe("cam.hang", "video", OPTIONS, log);
  pair.run();
  pair.serverHandler.trackRequests[0]?.respond(INFO);
  const responder = defined(pair.serverHandler.subscribes[0]);
  responder.accept(INFO);
  pair.run();
  return { log, subscription, responder };
}

const SPLITS: readonly [string, SessionPairOptions][] = [
  ["in packets", {}],
  ["byte by byte", { maxChunkBytes: 1 }],
];

describe.each(VERSIONS)("MoqSession in %s", (version) => {
  describe.each(SPLITS)("arriving %s", (_name, options) => {
    const create = (extra: SessionPairOptions = {}) => createSessionPair(version, { ...options, ...extra });

    test("agrees on the version and says so before anything else", () => {
      const pair = create();
      pair.run();
      expect(pair.clientHandler.versions).toEqual([version]);
      expect(pair.serverHandler.versions).toEqual([version]);
      expect(pair.client.version).toBe(version);
      expect(pair.closes).toEqual([]);
    });

    test("announces what is active, what comes and what ends", () => {
      const pair = create();
      const log = new AnnounceLog();
      const request = pair.client.announcements("live", 0x1111, log);
      pair.run();
      const responder = defined(pair.serverHandler.announceRequests[0]);
      expect(responder.prefix).toBe("live");
      expect(responder.excludeHop).toBe(version === "lite-05" || version === "lite-04" ? 0x1111 : 0);
      responder.start([
        { path: "live/a", hops: [] },
        { path: "elsewhere", hops: [] },
      ]);
      responder.active("live", [7]);
      responder.ended("live/a");
      responder.ended("live/never");
      pair.run();
      const hops = {
        "lite-05": ["8738", "7,8738"],
        "lite-04": ["8738", "7,8738"],
        "lite-03": ["0", "0,0"],
        "lite-02": ["", ""],
      }[version];
      expect(log.events.filter((event) => event !== "ready")).toEqual([
        `active live/a ${hops[0]}`,
        `active live ${hops[1]}`,
        "ended live/a",
      ]);
      expect(log.events.filter((event) => event === "ready").length).toBe(1);
      if (version === "lite-05" || version === "lite-02") {
        expect(log.events[1]).toBe("ready");
      }
      let closed = 0;
      responder.onClosed = () => closed++;
      request.close();
      pair.run();
      expect(closed).toBe(1);
      expect(log.events.some((event) => event.startsWith("closed"))).toBe(false);
    });

    test("is ready at once when nothing is active, and hears of the orderly end", () => {
      const pair = create();
      const log = new AnnounceLog();
      pair.client.announcements("", 0, log);
      pair.run();
      const responder = defined(pair.serverHandler.announceRequests[0]);
      responder.start([]);
      pair.run();
      expect(log.events).toEqual(["ready"]);
      let closed = 0;
      responder.onClosed = () => closed++;
      responder.finish();
      expect(closed).toBe(0);
      pair.run();
      expect(log.events).toEqual(["ready", "closed undefined"]);
      expect(closed).toBe(1);
    });

    test("a route is replaced as the version can", () => {
      const pair = create();
      const log = new AnnounceLog();
      pair.client.announcements("", 0, log);
      pair.run();
      const responder = defined(pair.serverHandler.announceRequests[0]);
      responder.start([{ path: "a", hops: [5] }]);
      responder.active("a", [5, 6]);
      responder.active("a", [9]);
      pair.run();
      const events = log.events.filter((event) => event !== "ready");
      if (version === "lite-05") {
        expect(events).toEqual(["active a 5,8738", "replaced a 5,6,8738 false", "replaced a 9,8738 true"]);
      } else {
        expect(events.at(-1)?.startsWith(version === "lite-02" ? "replaced a" : "active a")).toBe(true);
      }
      expect(pair.closes).toEqual([]);
    });

    test("carries groups, their end, an abort, and the end of the track", () => {
      const pair = create({ clientOptions: { stampTimestamp: () => 5_000_000 } });
      const { log, responder } = subscribed(pair);
      const first = defined(responder.openGroup(0, 60));
      for (const frame of frames()) {
        expect(first.writeFrame(frame)).toBe(true);
      }
      pair.run();
      first.finish();
      const second = defined(responder.openGroup(1, 60));
      second.writeFrame(encodeFrame(2_000_000, 0, Uint8Array.of(0xa0)));
      pair.run();
      second.abort(ERROR_CODES.old);
      pair.run();
      responder.end(1);
      pair.run();
      expect(log.events).toEqual([
        "info",
        "group 0",
        "frame 0 4",
        "frame 0 3",
        "frame 0 2",
        "end 0",
        "group 1",
        "frame 1 1",
        "aborted 1 2",
        "closed undefined",
      ]);
      const timestamps = log.frames.map((frame) => frame.timestamp);
      if (version === "lite-05") {
        expect(log.infos).toEqual([INFO]);
        expect(timestamps).toEqual([1_000_000, 1_033_333, 1_016_666, 2_000_000]);
        expect(log.frames.map((frame) => frame.wire)).toEqual([
          ...frames().map((frame) => frame.wire),
          encodeFrame(2_000_000, 0, Uint8Array.of(0xa0)).wire,
        ]);
      } else {
        expect(timestamps).toEqual([5_000_000, 5_000_000, 5_000_000, 5_000_000]);
        expect(log.frames[0]).toEqual(encodeFrame(5_000_000, 0, framePayload(defined(frames()[0]))));
        expect(log.frames[1]).toEqual(encodeFrame(5_000_000, 5_000_000, framePayload(defined(frames()[1]))));
      }
    });

    test("an unsubscribe ends groups on both sides, and late ones are stopped", () => {
      const pair = create();
      const { log, subscription, responder } = subscribed(pair);
      let closed = 0;
      responder.handler = { onUpdate: () => {}, onClosed: () => closed++, onStreamsAvailable: () => {} };
      const group = defined(responder.openGroup(0, 60));
      const stops: number[] = [];
      group.handler = { onDrain: () => {}, onStop: (code) => stops.push(code) };
      group.writeFrame(defined(frames()[0]));
      pair.run();
      const late = defined(responder.openGroup(1, 60));
      late.writeFrame(defined(frames()[0]));
      subscription.close();
      pair.run();
      expect(closed).toBe(1);
      expect(log.events).toEqual(["info", "group 0", "frame 0 4"]);
      expect(responder.openGroup(2, 60)).toBeUndefined();
      expect(pair.client.counters.groupsWithoutSubscription).toBe(1);
      expect(pair.closes).toEqual([]);
    });

    test("a refused subscription closes with the code, once", () => {
      const pair = create();
      const log = new SubscriptionLog();
      pair.client.subscribe("nope", "x", OPTIONS, log);
      pair.run();
      pair.serverHandler.trackRequests[0]?.reject(ERROR_CODES.notFound);
      pair.serverHandler.subscribes[0]?.reject(ERROR_CODES.notFound);
      pair.run();
      expect(log.events).toEqual(["closed 13"]);
    });

    test("an update reaches the publisher where the version has one", () => {
      const pair = create();
      const { subscription, responder } = subscribed(pair);
      const updates: SubscribeOptions[] = [];
      responder.handler = {
        onUpdate: (changed) => updates.push(changed),
        onClosed: () => {},
        onStreamsAvailable: () => {},
      };
      subscription.update({ priority: 200, startGroup: 4 });
      pair.run();
      expect(updates).toEqual(version === "lite-02" ? [] : [{ ...OPTIONS, priority: 200, startGroup: 4 }]);
    });

    test("the subscriber hears of dropped groups where the version tells", () => {
      const pair = create();
      const { log, responder } = subscribed(pair);
      responder.drop(3, 5, ERROR_CODES.old);
      pair.run();
      expect(log.events).toEqual(version === "lite-02" ? ["info"] : ["info", "dropped 3-5 2"]);
    });

    test("a stopped group is told to its writer, and the subscription lives on", () => {
      const pair = create();
      const { log, responder } = subscribed(pair);
      const group = defined(responder.openGroup(0, 60));
      const stops: number[] = [];
      group.handler = { onDrain: () => {}, onStop: (code) => stops.push(code) };
      group.writeFrame(defined(frames()[0]));
      pair.run();
      log.groups[0]?.stop(ERROR_CODES.lagged);
      pair.run();
      expect(stops).toEqual([ERROR_CODES.lagged]);
      defined(responder.openGroup(1, 60)).finish();
      pair.run();
      expect(log.events.slice(-2)).toEqual(["group 1", "end 1"]);
    });

    test("a fetch brings the frames of one group, or fails", () => {
      const pair = create();
      const events: string[] = [];
      const listener = {
        onFrame: (frame: WireFrame) => events.push(`frame ${frame.timestamp}`),
        onEnd: () => events.push("end"),
        onFailed: (code: number) => events.push(`failed ${code}`),
      };
      pair.client.fetch("cam.hang", "video", 0, 7, listener);
      pair.run();
      const responder = pair.serverHandler.fetches[0];
      if (version !== "lite-05") {
        expect(events).toEqual([`failed ${ERROR_CODES.unsupported}`]);
        return;
      }
      expect([responder?.broadcast, responder?.track, responder?.group, responder?.priority]).toEqual([
        "cam.hang",
        "video",
        0,
        7,
      ]);
      for (const frame of frames()) {
        responder?.writeFrame(frame);
      }
      responder?.finish();
      pair.client.fetch("cam.hang", "video", 9, 7, listener);
      pair.run();
      pair.serverHandler.fetches[1]?.reject(ERROR_CODES.notFound);
      pair.run();
      expect(events).toEqual(["frame 1000000", "frame 1033333", "frame 1016666", "end", "failed 13"]);
    });

    test("a goaway arrives where the version has it", () => {
      const pair = create();
      pair.server.goaway("https://other:4443/");
      pair.run();
      const has = version === "lite-05" || version === "lite-04";
      expect(pair.clientHandler.goaways).toEqual(has ? ["https://other:4443/"] : []);
    });

    test("a probe is answered for as long as it is open", () => {
      const pair = create({ serverOptions: { probeLevel: 1 } });
      pair.run();
      const reports: string[] = [];
      const probe = pair.client.probe({
        onReport: (bitrateBps, rttMs) => reports.push(`${bitrateBps} ${rttMs}`),
        onClosed: () => reports.push("closed"),
      });
      if (version !== "lite-05") {
        expect(probe).toBeUndefined();
        return;
      }
      pair.run();
      const responder = defined(pair.serverHandler.probes[0]);
      let closed = 0;
      responder.onClosed = () => closed++;
      responder.report(5_000_000, 20);
      pair.run();
      expect(reports).toEqual(["5000000 20"]);
      probe?.close();
      pair.run();
      expect(closed).toBe(1);
    });

    test("a datagram is a group of one frame", () => {
      const pair = create();
      const { responder } = subscribed(pair);
      const sent = responder.sendDatagram?.(2, encodeFrame(2_100_000, 0, Uint8Array.of(1, 2)));
      pair.run();
      expect(sent).toBe(version === "lite-05");
      expect(pair.clientHandler.datagrams).toEqual(
        sent ? [{ sequence: 2, timestamp: 2_100_000, payload: [1, 2] }] : [],
      );
    });

    test("the end of the transport ends everything that is open, once", () => {
      const pair = create();
      const announces = new AnnounceLog();
      pair.client.announcements("", 0, announces);
      const { log, responder } = subscribed(pair);
      pair.serverHandler.announceRequests[0]?.start([]);
      let closed = 0;
      responder.handler = { onUpdate: () => {}, onClosed: () => closed++, onStreamsAvailable: () => {} };
      defined(responder.openGroup(0, 60)).writeFrame(defined(frames()[0]));
      pair.run();
      pair.server.close(ERROR_CODES.closed, "bye");
      pair.run();
      expect(pair.closes.map((close) => close.code)).toEqual([25, 25]);
      expect(closed).toBe(1);
      expect(log.events).toEqual(["info", "group 0", "frame 0 4", "aborted 0 4", "closed 4"]);
      expect(announces.events).toEqual(["ready", "closed 4"]);
      const late = new SubscriptionLog();
      pair.client.subscribe("a", "b", OPTIONS, late);
      pair.client.onTick(0);
      expect(late.events).toEqual(["closed 4"]);
    });
  });
});
