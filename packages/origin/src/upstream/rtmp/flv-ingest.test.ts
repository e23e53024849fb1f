import { readFileSync } from "node:fs";
import { type Catalog, parseCatalog } from "@canopy/media/catalog";
import { decodeLegacyFrame } from "@canopy/media/container";
import { encodeAmf0, encodeAudioTagBody, encodeVideoTagBody } from "@canopy/media/flv";
import { annexBToAvcc, buildAvcDecoderConfig, isKeyframe, joinAnnexB, splitAnnexB } from "@canopy/media/h264";
import { decodeTimedMessage, readTimedMessages } from "@canopy/media/timed";
import { Store, type Track } from "@canopy/relay";
import { createSilentLogger } from "@canopy/runtime";
import { describe, expect, it } from "vitest";
import { BroadcastRegistry } from "../../ingest/broadcast-registry.ts";
import { DEFAULT_INGEST_OPTIONS, type IngestOptions } from "../../ingest/ingest-options.ts";
import type { Publisher } from "../../ingest/publisher.ts";
import type { OriginError } from "../../origin-error.ts";
import { AFTER_NEWEST_US } from "../../timed/timed-scheduler.ts";
import { FlvIngest } from "./flv-ingest.ts";

const START_US = 1_780_000_000_000_000;
const VECTORS = new URL("../../../../../tests/vectors/media/", import.meta.url);

interface FlvVector {
  readonly videoPackets: readonly { readonly pts: number; readonly dts: number }[];
  readonly tags: readonly { readonly type: number; readonly timestampMs: number; readonly hex: string }[];
}

function readVector<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, VECTORS), "utf8")) as T;
}

/** Access units of an Annex B vector that has access unit delimiters. */
function unitsOf(name: string): Uint8Array[][] {
  const units: Uint8Array[][] = [];
  for (const nal of splitAnnexB(Buffer.from(readVector<{ hex: string }>(name).hex, "hex"))) {
    if ((nal[0] ?? 0) % 32 === 9) units.push([]);
    else units.at(-1)?.push(nal);
  }
  return units;
}

function sequenceHeader(unit: readonly Uint8Array[], enhanced = false): Uint8Array {
  const ofType = (type: number): Uint8Array[] => unit.filter((nal) => (nal[0] ?? 0) % 32 === type);
  const data = buildAvcDecoderConfig({ sps: ofType(7), pps: ofType(8) });
  return encodeVideoTagBody({ codec: "avc1", kind: "sequence-start", isKeyframe: true, data, enhanced });
}

function frameTag(unit: readonly Uint8Array[], isKey: boolean, enhanced = false): Uint8Array {
  const slices = unit.filter((nal) => ![7, 8].includes((nal[0] ?? 0) % 32));
  const data = annexBToAvcc(joinAnnexB(slices));
  return encodeVideoTagBody({ codec: "avc1", kind: "frame", isKeyframe: isKey, data, enhanced });
}

class Bench {
  nowUs = START_US;
  readonly clock = { nowUs: () => this.nowUs, nowMs: () => this.nowUs / 1_000 };
  readonly store = new Store({}, { clock: this.clock });
  readonly registry: BroadcastRegistry;
  readonly kicked: OriginError[] = [];

  constructor(options: Partial<IngestOptions> = {}) {
    this.registry = new BroadcastRegistry(
      { ...DEFAULT_INGEST_OPTIONS, ...options },
      {
        store: this.store,
        clock: this.clock,
        logger: createSilentLogger(),
        events: { onStarted: () => {}, onEnded: () => {} },
        createId: (nowMs) => `id-${nowMs}`,
        countTimed: () => {},
      },
    );
  }

  publish(path = "live/a"): FlvIngest {
    const publisher: Publisher = {
      protocol: "rtmp",
      remoteAddress: "",
      kick: (error) => this.kicked.push(error),
    };
    const ingest = this.registry.open(path, publisher);
    return new FlvIngest({
      ingest,
      clock: this.clock,
      logger: createSilentLogger(),
      release: () => this.registry.release(ingest, publisher),
    });
  }

  track(name: string): Track | undefined {
    return this.store.get("live/a")?.track(name);
  }

  frames(name: string): { group: number; timestampUs: number; payload: Uint8Array }[] {
    return (this.track(name)?.groups ?? []).flatMap((group) =>
      group.frames.map((frame) => ({
        group: group.sequence,
        ...decodeLegacyFrame(frame.wire.subarray(frame.payloadOffset)),
      })),
    );
  }

  catalogs(): Catalog[] {
    return (this.track("catalog.json")?.groups ?? []).flatMap((group) =>
      group.frames.map((frame) => parseCatalog(frame.wire.subarray(frame.payloadOffset))),
    );
  }
}

describe("FlvIngest", () => {
  it("takes what ffmpeg sends: B-frames, AAC, metadata", () => {
    const bench = new Bench();
    const publication = bench.publish();
    const { tags, videoPackets } = readVector<FlvVector>("flv-h264-aac.json");
    const kinds = { 8: "audio", 9: "video", 18: "script" } as const;
    for (const { type, timestampMs, hex } of tags) {
      bench.nowUs = START_US + timestampMs * 1_000;
      publication.onMedia(kinds[type as 8 | 9 | 18], timestampMs, Buffer.from(hex, "hex"));
    }
    const video = bench.frames("video");
    expect(video.map((frame) => (frame.timestampUs - START_US) / 1_000)).toEqual(
      videoPackets.map(({ pts }) => pts),
    );
    expect(isKeyframe(video[0]?.payload ?? new Uint8Array())).toBe(true);
    expect(bench.frames("audio").length).toBeGreaterThan(3);
    expect(bench.catalogs().at(-1)).toMatchObject({
      video: {
        renditions: { video: { codec: "avc1.64000b", codedWidth: 160, codedHeight: 90, framerate: 30 } },
      },
      audio: { renditions: { audio: { codec: "mp4a.40.2", sampleRate: 44_100, description: "121056e500" } } },
      canopy: { publisher: "rtmp", bFrames: true, timed: { track: "timed" } },
    });
  });

  it("keeps nothing of a message's buffer, which the connection uses again", () => {
    const { tags } = readVector<FlvVector>("flv-h264-aac.json");
    const kinds = { 8: "audio", 9: "video", 18: "script" } as const;
    const shared = Buffer.alloc(64 * 1024);
    const results = [false, true].map((reuse) => {
      const bench = new Bench();
      const publication = bench.publish();
      for (const { type, timestampMs, hex } of tags) {
        const message = Buffer.from(hex, "hex");
        bench.nowUs = START_US + timestampMs * 1_000;
        message.copy(shared);
        const payload = reuse ? shared.subarray(0, message.length) : message;
        publication.onMedia(kinds[type as 8 | 9 | 18], timestampMs, payload);
        shared.fill(0xee);
      }
      const catalogs = bench.catalogs();
      const frames = [...bench.frames("video"), ...bench.frames("audio")];
      return { catalogs, frames: frames.map(({ payload }) => Buffer.from(payload).toString("hex")) };
    });
    expect(results[1]).toEqual(results[0]);
  });

  it("takes Enhanced RTMP's form of H.264 like the legacy form", () => {
    const units = unitsOf("h264-sliced-zerolatency.json");
    const results = [false, true].map((enhanced) => {
      const bench = new Bench();
      const publication = bench.publish();
      publication.onMedia("video", 0, sequenceHeader(units[0] ?? [], enhanced));
      units.forEach((unit, index) => {
        publication.onMedia("video", index * 33, frameTag(unit, index % 3 === 0, enhanced));
      });
      return bench
        .frames("video")
        .map((frame) => [frame.timestampUs, Buffer.from(frame.payload).toString("hex")]);
    });
    expect(results[0]).toHaveLength(4);
    expect(results[1]).toEqual(results[0]);
  });

  it("changes the catalog before the frames when the sequence header changes", () => {
    const bench = new Bench();
    const publication = bench.publish();
    const small = unitsOf("h264-sliced-zerolatency.json")[0] ?? [];
    const other = unitsOf("h264-high-cropped-1080.json")[0] ?? [];
    publication.onMedia("video", 0, sequenceHeader(small));
    publication.onMedia("video", 0, frameTag(small, true));
    publication.onMedia("video", 33, sequenceHeader(other));
    expect(bench.catalogs()).toHaveLength(1);
    publication.onMedia("video", 33, frameTag(other, true));
    const sizes = bench.catalogs().map(({ video }) => video?.renditions.video?.codedHeight);
    expect(sizes).toEqual([90, 1_080]);
    const [first, second] = bench.frames("video");
    expect(second?.group).toBe((first?.group ?? 0) + 1);
  });

  it("goes on over the wrap of 32-bit timestamps", () => {
    const bench = new Bench();
    const publication = bench.publish();
    const units = unitsOf("h264-sliced-zerolatency.json");
    publication.onMedia("video", 0xffff_ffd0, sequenceHeader(units[0] ?? []));
    units.forEach((unit, index) => {
      bench.nowUs = START_US + index * 33_000;
      publication.onMedia("video", (0xffff_ffd0 + index * 33) % 2 ** 32, frameTag(unit, index % 3 === 0));
    });
    expect(bench.frames("video").map((frame) => frame.timestampUs - START_US)).toEqual([
      0, 33_000, 66_000, 99_000,
    ]);
  });

  it("drops frames before the first keyframe, and says so when none comes", () => {
    const bench = new Bench();
    const publication = bench.publish();
    const units = unitsOf("h264-sliced-zerolatency.json");
    publication.onMedia("video", 0, sequenceHeader(units[0] ?? []));
    for (let index = 0; index < 200; index++) {
      bench.nowUs = START_US + index * 33_000;
      publication.onMedia("video", index * 33, frameTag(units[1] ?? [], false));
    }
    bench.registry.tick(bench.nowUs / 1_000);
    expect(bench.frames("video")).toEqual([]);
    const codes = bench.registry
      .get("live/a")
      ?.warnings()
      .map((warning) => warning.code);
    expect(codes).toEqual(["no-keyframe", "no-audio", "frames-dropped"]);
  });

  it("warns about keyframes that come seldom", () => {
    const bench = new Bench();
    const publication = bench.publish();
    const units = unitsOf("h264-sliced-zerolatency.json");
    publication.onMedia("video", 0, sequenceHeader(units[0] ?? []));
    for (let index = 0; index <= 300; index++) {
      bench.nowUs = START_US + index * 33_000;
      publication.onMedia(
        "video",
        index * 33,
        frameTag(units[index % 300 === 0 ? 0 : 1] ?? [], index % 300 === 0),
      );
    }
    const warning = bench.registry.get("live/a")?.warnings()[0];
    expect(warning).toEqual({
      code: "long-keyframe-interval",
      message: expect.stringContaining("every 9.9 s"),
    });
  });

  it("groups AAC in half seconds and Opus likewise", () => {
    for (const codec of ["mp4a", "Opus"] as const) {
      const bench = new Bench();
      const publication = bench.publish();
      if (codec === "mp4a") {
        const data = Buffer.from("1190", "hex");
        publication.onMedia("audio", 0, encodeAudioTagBody({ codec, kind: "sequence-start", data }));
      }
      for (let index = 0; index < 100; index++) {
        bench.nowUs = START_US + index * 20_000;
        const data = Buffer.from([0xfc, index]);
        publication.onMedia("audio", index * 20, encodeAudioTagBody({ codec, kind: "frame", data }));
      }
      const groups = new Set(bench.frames("audio").map((frame) => frame.group));
      expect(groups.size).toBe(4);
      expect(bench.frames("audio")).toHaveLength(100);
      const rendition = bench.catalogs().at(-1)?.audio?.renditions.audio;
      if (codec === "mp4a") expect(rendition).toMatchObject({ codec: "mp4a.40.2", description: "1190" });
      else expect(rendition).toEqual({ codec: "opus", sampleRate: 48_000, numberOfChannels: 2 });
    }
  });

  it("begins a group with the first sound of another configuration", () => {
    const bench = new Bench();
    const publication = bench.publish();
    const configure = (hex: string): void => {
      const data = Buffer.from(hex, "hex");
      publication.onMedia("audio", 0, encodeAudioTagBody({ codec: "mp4a", kind: "sequence-start", data }));
    };
    const play = (index: number): void => {
      const data = Buffer.from([0xfc, index]);
      publication.onMedia("audio", index * 20, encodeAudioTagBody({ codec: "mp4a", kind: "frame", data }));
    };
    configure("1190");
    play(0);
    configure("1190");
    play(1);
    // 44.1 kHz instead of 48.
    configure("1210");
    play(2);
    const groups = bench.frames("audio").map((frame) => frame.group);
    expect(groups[1]).toBe(groups[0]);
    expect(groups[2]).not.toBe(groups[1]);
  });

  it("makes timed messages of the publisher's data messages, in the next frame and on the track", () => {
    const bench = new Bench();
    const publication = bench.publish();
    const units = unitsOf("h264-sliced-zerolatency.json");
    publication.onMedia("video", 0, sequenceHeader(units[0] ?? []));
    publication.onMedia("video", 0, frameTag(units[0] ?? [], true));
    publication.onMedia("script", 10, encodeAmf0(["onCuePoint", { type: "quiz", q: 1 }]));
    publication.onMedia("video", 33, frameTag(units[1] ?? [], false));
    const [, second] = bench.frames("video");
    const [read] = readTimedMessages(second?.payload ?? new Uint8Array());
    expect(read?.message).toMatchObject({ type: "quiz", data: { q: 1 }, at: START_US + AFTER_NEWEST_US });
    const frame = bench.track("timed")?.latest?.frames[0];
    expect(decodeTimedMessage(frame?.wire.subarray(frame.payloadOffset) ?? new Uint8Array())).toEqual(
      read?.message,
    );
  });

  it("keeps what the last publisher described until the next one has had time to describe his", () => {
    const bench = new Bench();
    const units = unitsOf("h264-sliced-zerolatency.json");
    const first = bench.publish();
    first.onMedia("video", 0, sequenceHeader(units[0] ?? []));
    const data = Buffer.from("1190", "hex");
    first.onMedia("audio", 0, encodeAudioTagBody({ codec: "mp4a", kind: "sequence-start", data }));
    first.onMedia("video", 0, frameTag(units[0] ?? [], true));
    first.close();
    const second = bench.publish();
    second.onMedia("video", 0, sequenceHeader(units[0] ?? []));
    second.onMedia("video", 0, frameTag(units[0] ?? [], true));
    expect(bench.catalogs().at(-1)?.audio).toBeDefined();
    bench.nowUs += 3_000_000;
    bench.registry.tick(bench.nowUs / 1_000);
    expect(bench.catalogs().at(-1)?.audio).toBeUndefined();
    expect(bench.catalogs().at(-1)?.video).toBeDefined();
  });

  it("gives each kind of bad media its reason", () => {
    const cases: ["audio" | "video" | "script", Uint8Array, string][] = [
      ["video", Buffer.from([]), "bad-media"],
      ["video", Buffer.from([0x17]), "bad-media"],
      ["video", Buffer.from([0x12, 0, 0, 0, 0]), "codec-unsupported"],
      [
        "video",
        encodeVideoTagBody({ codec: "av01", kind: "sequence-start", isKeyframe: true }),
        "codec-unsupported",
      ],
      ["audio", Buffer.from([0x2f, 1]), "codec-unsupported"],
      ["script", Buffer.from([0x42]), "codec-unsupported"],
      ["script", Buffer.from([0x02, 0xff]), "bad-media"],
    ];
    for (const [kind, payload, code] of cases) {
      const publication = new Bench().publish();
      expect(() => publication.onMedia(kind, 0, payload)).toThrowError(
        expect.objectContaining({ name: "OriginError", code }),
      );
    }
  });
});
