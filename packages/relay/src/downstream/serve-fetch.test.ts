import { ERROR_CODES, type FetchResponder, type TrackInfo, type WireFrame } from "@canopy/protocol";
import { describe, expect, it } from "vitest";
import { Store } from "../store/store.ts";
import { ServedFetch } from "./serve-fetch.ts";

const INFO: TrackInfo = { priority: 60, ordered: false, maxLatencyMs: 2_000, timescale: 1_000_000 };

/** A peer that takes as many frames as it may before it is full. */
function createPeer(room: number) {
  const log: string[] = [];
  const responder: FetchResponder = {
    broadcast: "live/demo",
    track: "video",
    group: 1,
    priority: 0,
    handler: undefined,
    writeFrame: (frame: WireFrame) => {
      log.push(`frame ${frame.timestamp}`);
      return log.length < room;
    },
    finish: () => void log.push("finish"),
    reject: (code) => void log.push(`reject ${code}`),
  };
  return { responder, log };
}

function serve(room: number) {
  const time = { ms: 1_700_000_000_000 };
  const clock = { nowMs: () => time.ms, nowUs: () => time.ms * 1_000 };
  const store = new Store({}, { clock, schedule: () => {} });
  const track = store.publish("live/demo").createTrack("video", INFO);
  const group = track.openGroup(1);
  group.append(1, new Uint8Array(1));
  group.append(2, new Uint8Array(1));
  const { responder, log } = createPeer(room);
  const done: ServedFetch[] = [];
  new ServedFetch(responder, track, group, (fetch) => done.push(fetch)).start();
  const evict = (): void => {
    track.openGroup(2);
    time.ms += 10_000;
    store.tick(time.ms);
    store.flush();
  };
  return { track, store, group, responder, log, done, evict };
}

describe("ServedFetch", () => {
  it("sends what there is of the group, then what comes, and its end", () => {
    const { group, store, log, done } = serve(10);
    expect(log).toEqual(["frame 1", "frame 2"]);
    group.append(3, new Uint8Array(1));
    group.finish();
    store.flush();
    expect(log.slice(2)).toEqual(["frame 3", "finish"]);
    expect(done).toHaveLength(1);
  });

  it("waits for a peer that is slow", () => {
    const { group, responder, log } = serve(1);
    group.finish();
    expect(log).toEqual(["frame 1"]);
    responder.handler?.onDrain();
    expect(log).toEqual(["frame 1", "frame 2", "finish"]);
  });

  it("does not keep a group for a peer that does not read, once the cache has let go of it", () => {
    const { track, group, log, done, evict } = serve(1);
    group.finish();
    evict();
    expect(log).toEqual(["frame 1", `reject ${ERROR_CODES.old}`]);
    expect(done).toHaveLength(1);
    expect(track.observerCount).toBe(0);
  });

  it("nor when the track is over", () => {
    const { track, group, store, log, done } = serve(1);
    group.finish();
    track.close();
    store.flush();
    expect(log).toEqual(["frame 1", `reject ${ERROR_CODES.closed}`]);
    expect(done).toHaveLength(1);
  });
});
