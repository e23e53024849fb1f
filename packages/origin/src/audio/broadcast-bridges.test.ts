import type { AudioRendition } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { Store, type Track } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { trackInfo } from "../ingest/track-lanes.ts";
import { DEFAULT_AUDIO_BRIDGE } from "./bridge-options.ts";
import { BroadcastBridges } from "./broadcast-bridges.ts";
import { recordWorkers } from "./recording-worker-suite.ts";
import { DEFAULT_TRANSCODER_THREAD, TranscoderThread } from "./transcoder-thread.ts";

const AAC: AudioRendition = {
  codec: "mp4a.40.2",
  sampleRate: 48_000,
  numberOfChannels: 2,
  description: "1190",
};
const OTHER_AAC: AudioRendition = { ...AAC, sampleRate: 44_100, description: "1210" };
const START_US = 1_764_000_000_000_000;

let cleanUp = (): void => {};
afterEach(() => cleanUp());

function createBridges() {
  const time = { ms: 1_764_000_000_000 };
  const clock = { nowMs: () => time.ms, nowUs: () => time.ms * 1_000 };
  const store = new Store({ keepTrackMs: 3_000 }, { clock, schedule: () => {} });
  const broadcast = store.publish("live/demo");
  const source = broadcast.createTrack("audio", trackInfo(80));
  const { workers, startWorker } = recordWorkers();
  const scheduled: (() => void)[] = [];
  const transcoders = new TranscoderThread(DEFAULT_TRANSCODER_THREAD, {
    clock,
    logger: createSilentLogger(),
    startWorker,
    schedule: (send) => scheduled.push(send),
  });
  cleanUp = () => void transcoders.close();
  const bridges = new BroadcastBridges(
    { ...DEFAULT_AUDIO_BRIDGE, groupMs: 500 },
    { broadcast, transcoders, trackInfo: trackInfo(80) },
  );
  const update = (rendition: AudioRendition | undefined): void =>
    bridges.update(
      new Map(rendition === undefined ? [] : [["audio", rendition]]),
      (name) => name === "audio",
    );
  /** A group with one frame for each of these times, and all that follows from it. */
  const publish = (...timesMs: number[]): void => {
    const group = source.openGroup();
    for (const ms of timesMs) {
      const timestampUs = START_US + ms * 1_000;
      group.append(timestampUs, encodeLegacyFrame(timestampUs, Uint8Array.of(9)));
    }
    group.finish();
    store.flush();
    for (const send of scheduled.splice(0)) send();
  };
  const names = (): string[] => [...bridges.states()].map(({ name, active }) => `${name} ${active}`);
  return { store, broadcast, source, bridges, transcoders, workers, time, update, publish, names };
}

function follow(track: Track | undefined) {
  if (track === undefined) throw new Error("no such track");
  const events: string[] = [];
  const reading = track.subscribe({
    onGroup: () => events.push("group"),
    onFrame: (frame) => events.push(String((frame.timestamp - START_US) / 1_000)),
    onClosed: (code) => events.push(`closed ${code}`),
  });
  return { events, reading };
}

describe("BroadcastBridges", () => {
  it("offers the other codec, and makes it only while somebody follows it", () => {
    const { store, broadcast, workers, time, update, publish, names } = createBridges();
    update(AAC);
    publish(0, 21);
    expect(names()).toEqual(["audio-opus false"]);
    expect(workers).toHaveLength(0);

    const { events, reading } = follow(broadcast.request("audio-opus"));
    expect(names()).toEqual(["audio-opus true"]);
    workers[0]?.ready();
    publish(42);
    expect(workers[0]?.log).toEqual([
      "open 1 aac 48000",
      `frames 1@${START_US} 1@${START_US + 21_000} 1@${START_US + 42_000}`,
    ]);
    workers[0]?.answer(1, START_US, START_US + 20_000);
    workers[0]?.answer(1, START_US + 500_000);
    store.flush();
    expect(events).toEqual(["group", "0", "20", "group", "500"]);

    reading.close();
    time.ms += 2_000;
    store.tick(time.ms);
    expect(names()).toEqual(["audio-opus true"]);
    time.ms += 1_500;
    store.tick(time.ms);
    expect(names()).toEqual(["audio-opus false"]);
    expect(workers[0]?.log.at(-1)).toBe("close 1");
    publish(63);
    expect(workers[0]?.log.at(-1)).toBe("close 1");
    follow(broadcast.request("audio-opus"));
    expect(workers[0]?.log.at(-1)).toBe("open 2 aac 48000");
  });

  it("makes one stream for any number of followers", () => {
    const { broadcast, workers, update, transcoders } = createBridges();
    update(AAC);
    for (let follower = 0; follower < 5; follower++) follow(broadcast.request("audio-opus"));
    workers[0]?.ready();
    expect(workers[0]?.log).toEqual(["open 1 aac 48000"]);
    expect(transcoders.counters.active["aac-opus"]).toBe(1);
  });

  it("changes the decoder with the first group of a new configuration, not before", () => {
    const { broadcast, source, workers, update, publish } = createBridges();
    update(AAC);
    follow(broadcast.request("audio-opus"));
    workers[0]?.ready();
    publish(0);
    // Written before the change, read after it.
    const last = source.openGroup();
    last.append(START_US + 21_000, encodeLegacyFrame(START_US + 21_000, Uint8Array.of(9)));
    last.finish();
    update(OTHER_AAC);
    publish(42);
    expect(workers[0]?.log.slice(0, 2)).toEqual(["open 1 aac 48000", `frames 1@${START_US}`]);
    expect(workers[0]?.log.slice(2, 4)).toEqual(["close 1", "open 2 aac 44100"]);
    expect(workers[0]?.log[4]).toContain(`2@${START_US + 42_000}`);
  });

  it("takes the rendition back when the publisher sends something else", () => {
    const { store, time, broadcast, update, names } = createBridges();
    update(AAC);
    const { events } = follow(broadcast.request("audio-opus"));
    // At its beginning a broadcast lets viewers wait for tracks that it does not have yet.
    time.ms += 5_000;
    update({ codec: "opus", sampleRate: 48_000, numberOfChannels: 2 });
    store.flush();
    expect(events).toEqual(["closed 13"]);
    expect(names()).toEqual(["audio-aac false"]);
    // At the very beginning, whoever asks for a track that is not there waits for it.
    time.ms += 10_000;
    expect(broadcast.request("audio-opus")).toBeUndefined();
    update(undefined);
    expect(names()).toEqual([]);
  });

  it("goes without the bridge where FFmpeg cannot be loaded, and says why", () => {
    const { store, broadcast, bridges, workers, update, names } = createBridges();
    update(AAC);
    const { events } = follow(broadcast.request("audio-opus"));
    expect(bridges.takeChanged()).toBe(false);
    workers[0]?.events.onMessage({ kind: "unavailable", reason: "no binary" });
    store.flush();
    expect(events).toEqual(["closed 13"]);
    expect(bridges.takeChanged()).toBe(true);
    update(AAC);
    expect(names()).toEqual([]);
    expect(bridges.problem?.message).toContain("no binary");
    expect(bridges.takeChanged()).toBe(false);
  });

  it("does not try what cannot be decoded again until the publisher describes it otherwise", () => {
    const { broadcast, bridges, workers, update, names } = createBridges();
    update(AAC);
    follow(broadcast.request("audio-opus"));
    workers[0]?.ready();
    workers[0]?.events.onMessage({ kind: "failed", id: 1, reason: "bad configuration" });
    expect(bridges.takeChanged()).toBe(true);
    update(AAC);
    expect(names()).toEqual([]);
    expect(bridges.problem?.code).toBe("bridge-failed");
    update(OTHER_AAC);
    expect(names()).toEqual(["audio-opus false"]);
    expect(bridges.problem).toBeUndefined();
  });

  it("ends with the broadcast", () => {
    const { store, broadcast, bridges, workers, update } = createBridges();
    update(AAC);
    follow(broadcast.request("audio-opus"));
    workers[0]?.ready();
    bridges.close();
    bridges.close();
    broadcast.end();
    store.flush();
    expect(workers[0]?.log.at(-1)).toBe("close 1");
  });
});
