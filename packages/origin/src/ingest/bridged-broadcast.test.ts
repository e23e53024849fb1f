import { type AudioRendition, type Catalog, parseCatalog } from "@canopy/media/catalog";
import { Store } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { recordWorkers } from "../audio/recording-worker-suite.ts";
import { DEFAULT_TRANSCODER_THREAD, TranscoderThread } from "../audio/transcoder-thread.ts";
import { BroadcastRegistry } from "./broadcast-registry.ts";
import { DEFAULT_INGEST_OPTIONS, type IngestOptions } from "./ingest-options.ts";
import type { Publisher } from "./publisher.ts";

const AAC: AudioRendition = {
  codec: "mp4a.40.2",
  sampleRate: 48_000,
  numberOfChannels: 2,
  description: "1190",
};
const OPUS: AudioRendition = { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 };

let cleanUp = (): void => {};
afterEach(() => cleanUp());

function createOrigin(options: Partial<IngestOptions> = {}) {
  const time = { ms: 1_780_000_000_000 };
  const clock = { nowMs: () => time.ms, nowUs: () => time.ms * 1_000 };
  const store = new Store({}, { clock, schedule: () => {} });
  const { workers, startWorker } = recordWorkers();
  const transcoders = new TranscoderThread(DEFAULT_TRANSCODER_THREAD, {
    clock,
    logger: createSilentLogger(),
    startWorker,
  });
  const registry = new BroadcastRegistry(
    { ...DEFAULT_INGEST_OPTIONS, ...options },
    {
      store,
      clock,
      logger: createSilentLogger(),
      events: { onStarted: () => {}, onEnded: () => {} },
      createId: () => "id",
      countTimed: () => {},
      transcoders,
    },
  );
  cleanUp = () => {
    registry.close();
    void transcoders.close();
  };
  const publisher = (): Publisher => ({ protocol: "rtmp", remoteAddress: "", kick: () => {} });
  const catalog = (): Catalog => {
    const frame = store.get("live/a")?.track("catalog.json")?.latest?.frames[0];
    return frame === undefined ? {} : parseCatalog(frame.wire.subarray(frame.payloadOffset));
  };
  const advance = (ms: number): void => {
    time.ms += ms;
    registry.tick(time.ms);
  };
  return { store, registry, workers, publisher, catalog, advance };
}

describe("BroadcastIngest with an audio bridge", () => {
  it("names the bridged rendition behind the original, also when the publisher claims bridges of his own", () => {
    const { registry, publisher, catalog } = createOrigin();
    const ingest = registry.open("live/a", publisher());
    ingest.describeExtras({ canopy: { bridges: { audio: "nothing" }, theirs: 1 } });
    ingest.describeAudio("audio", AAC);
    ingest.announce();
    expect(Object.keys(catalog().audio?.renditions ?? {})).toEqual(["audio", "audio-opus"]);
    expect(catalog().canopy).toMatchObject({ bridges: { "audio-opus": "audio" }, theirs: 1 });
    ingest.withdraw("audio");
    ingest.announce();
    expect(catalog().audio).toBeUndefined();
    expect(catalog().canopy?.bridges).toBeUndefined();
  });

  it("shows bridged tracks beside the publisher's, and does not count them as his", () => {
    const { registry, publisher } = createOrigin();
    const ingest = registry.open("live/a", publisher());
    ingest.describeAudio("audio", AAC);
    ingest.announce();
    const { tracks, warnings } = ingest.describe();
    expect(tracks.map(({ name, bridgeOf, active }) => [name, bridgeOf, active])).toEqual([
      ["audio", undefined, undefined],
      ["audio-opus", "audio", false],
      ["catalog.json", undefined, undefined],
      ["timed", undefined, undefined],
    ]);
    expect(warnings.map(({ code }) => code)).not.toContain("no-audio-bridge");
  });

  it("bridges the other way when the next publisher sends the other codec", () => {
    const { registry, publisher, catalog, advance } = createOrigin();
    const first = publisher();
    const ingest = registry.open("live/a", first);
    ingest.describeAudio("audio", AAC);
    ingest.announce();
    // At its beginning a broadcast lets viewers wait for tracks that it does not have yet.
    advance(5_000);
    registry.release(ingest, first);
    expect(registry.open("live/a", publisher())).toBe(ingest);
    ingest.describeAudio("audio", OPUS);
    ingest.announce();
    expect(catalog().canopy?.bridges).toEqual({ "audio-aac": "audio" });
    // At the very beginning, whoever asks for a track that is not there waits for it.
    advance(10_000);
    expect(ingest.broadcast.request("audio-opus")).toBeUndefined();
  });

  it("begins a group of its own with a new configuration", () => {
    const { registry, publisher } = createOrigin();
    const ingest = registry.open("live/a", publisher());
    ingest.describeAudio("audio", AAC);
    const lane = ingest.audio("audio");
    lane.write(1_000, Uint8Array.of(1));
    ingest.describeAudio("audio", { ...AAC, bitrate: 96_000 });
    lane.write(22_000, Uint8Array.of(1));
    expect(ingest.broadcast.track("audio")?.groups).toHaveLength(1);
    ingest.describeAudio("audio", { ...AAC, sampleRate: 44_100, description: "1210" });
    lane.write(43_000, Uint8Array.of(1));
    expect(ingest.broadcast.track("audio")?.groups).toHaveLength(2);
  });

  it("takes the rendition out of the catalog and warns when nothing can be transcoded", () => {
    const { registry, publisher, catalog, workers, advance } = createOrigin();
    const ingest = registry.open("live/a", publisher());
    ingest.describeAudio("audio", AAC);
    ingest.announce();
    ingest.broadcast.request("audio-opus")?.subscribe({ onFrame: () => {}, onClosed: () => {} });
    workers[0]?.events.onMessage({ kind: "unavailable", reason: "no binary" });
    advance(1_000);
    expect(Object.keys(catalog().audio?.renditions ?? {})).toEqual(["audio"]);
    expect(catalog().canopy?.bridges).toBeUndefined();
    const warning = ingest.warnings().find(({ code }) => code === "no-audio-bridge");
    expect(warning?.message).toContain("no binary");
    const second = registry.open("live/b", publisher());
    second.describeAudio("audio", AAC);
    second.announce();
    expect(second.warnings().map(({ code }) => code)).toContain("no-audio-bridge");
  });

  it("offers nothing where the bridge is off", () => {
    const { registry, publisher, catalog } = createOrigin({
      audioBridge: { ...DEFAULT_INGEST_OPTIONS.audioBridge, enabled: false },
    });
    const ingest = registry.open("live/a", publisher());
    ingest.describeAudio("audio", AAC);
    ingest.announce();
    expect(Object.keys(catalog().audio?.renditions ?? {})).toEqual(["audio"]);
    expect(catalog().canopy?.bridges).toBeUndefined();
  });
});
