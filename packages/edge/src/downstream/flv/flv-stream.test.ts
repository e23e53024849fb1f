import { EventEmitter } from "node:events";
import { encodeCatalog } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { type Broadcast, type Group, Store, type Track } from "@canopy/relay";
import { createClock, createSilentLogger } from "@canopy/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { keyframe, MAIN_SPS, PICTURE } from "../packaging/pictures-suite.ts";
import { FlvCounters } from "./flv-counters.ts";
import { FlvStream } from "./flv-stream.ts";
import { type FlvResponse, FlvViewer } from "./flv-viewer.ts";

const START_US = 1_795_709_114_470_000;
const FRAME_US = 40_000;
const INFO = { priority: 60, ordered: true, maxLatencyMs: 10_000, timescale: 1_000_000 };
const open: { close(): void }[] = [];

afterEach(() => {
  for (const one of open.splice(0).reverse()) one.close();
});

/** Keeps everything. */
class Sink extends EventEmitter {
  readonly writableLength = 0;
  bytes = Buffer.alloc(0);
  isEnded = false;

  write(chunk: Uint8Array): boolean {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    return true;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.emit("close");
  }

  /** `key`, `frame`, `config`, `sound`, … and the time of each tag behind the file's header. */
  tags(): (readonly [string, number])[] {
    const found: (readonly [string, number])[] = [];
    for (let at = 13; at < this.bytes.length; ) {
      const size = this.bytes.readUIntBE(at + 1, 3);
      const timeMs = this.bytes.readUIntBE(at + 4, 3);
      found.push([nameOf(this.bytes.subarray(at, at + 13)), timeMs]);
      at += 11 + size + 4;
    }
    return found;
  }
}

function nameOf(tag: Buffer): string {
  const isConfig = tag.readUInt8(12) === 0;
  if (tag.readUInt8(0) === 18) return "metadata";
  if (tag.readUInt8(0) === 8) return isConfig ? "sound-config" : "sound";
  if (isConfig) return "config";
  return tag.readUInt8(11) >> 4 === 1 ? "key" : "frame";
}

/** A broadcast of pictures and sound in a store, and its stream. */
class Stage {
  readonly store = new Store({}, { clock: createClock() });
  readonly broadcast: Broadcast = this.store.publish("live/x");
  readonly stream: FlvStream;
  readonly #video: Track = this.broadcast.createTrack("video", INFO);
  readonly #audio: Track = this.broadcast.createTrack("audio", INFO);
  #group: Group | undefined;

  constructor() {
    const catalog = this.broadcast.createTrack("catalog.json", INFO).openGroup();
    catalog.append(
      START_US,
      encodeCatalog({
        video: { renditions: { video: { codec: "avc1.42c00b", framerate: 25 } } },
        audio: { renditions: { audio: { codec: "mp4a.40.2", sampleRate: 48_000, numberOfChannels: 2 } } },
        canopy: { bFrames: false },
      }),
    );
    catalog.finish();
    this.stream = new FlvStream("live/x", {
      store: this.store,
      logger: createSilentLogger(),
      nowMs: () => Date.now(),
    });
    open.push(this.stream, this.store);
  }

  picture(index: number, bytes: Uint8Array): void {
    const timestampUs = START_US + index * FRAME_US;
    if (bytes !== PICTURE) {
      this.#group?.finish();
      this.#group = this.#video.openGroup();
    }
    this.#group?.append(timestampUs, encodeLegacyFrame(timestampUs, bytes));
  }

  /** Goes on in the group. */
  slice(index: number, bytes: Uint8Array): void {
    const timestampUs = START_US + index * FRAME_US;
    this.#group?.append(timestampUs, encodeLegacyFrame(timestampUs, bytes));
  }

  sound(index: number): void {
    const timestampUs = START_US + index * FRAME_US;
    const group = this.#audio.openGroup();
    group.append(timestampUs, encodeLegacyFrame(timestampUs, Uint8Array.of(1)));
    group.finish();
  }

  join(): Sink {
    const sink = new Sink();
    const viewer = new FlvViewer(
      { maxBufferedBytes: 1_000_000 },
      {
        response: sink as unknown as FlvResponse,
        counters: new FlvCounters(),
        onClosed: (closed) => this.stream.remove(closed),
      },
    );
    this.stream.add(viewer);
    return sink;
  }
}

/** Lets the store tell its readers, and the stream write. */
async function turn(): Promise<void> {
  for (let index = 0; index < 4; index += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe("FlvStream", () => {
  it("gives whoever comes the headers and the group from its keyframe, then everything once", async () => {
    const stage = new Stage();
    await turn();
    const first = stage.join();
    stage.picture(0, keyframe());
    stage.picture(1, PICTURE);
    await turn();
    stage.sound(1);
    await turn();
    const second = stage.join();
    stage.picture(2, PICTURE);
    await turn();
    const expected = [
      ["metadata", 0],
      ["config", 1_000],
      ["sound-config", 1_000],
      ["config", 1_000],
      ["key", 1_000],
      ["frame", 1_040],
      ["sound", 1_040],
      ["frame", 1_080],
    ];
    expect(first.tags()).toEqual(expected);
    expect(second.tags()).toEqual(expected);
  });

  it("begins anew with each keyframe, and tells of another configuration in front of it", async () => {
    const stage = new Stage();
    await turn();
    const early = stage.join();
    stage.picture(0, keyframe());
    await turn();
    stage.picture(1, keyframe(MAIN_SPS));
    stage.picture(2, PICTURE);
    await turn();
    const late = stage.join();
    expect(early.tags().map(([name]) => name)).toEqual(
      "metadata config sound-config config key config key frame".split(" "),
    );
    expect(late.tags().map(([name]) => name)).toEqual(
      "metadata config sound-config config key frame".split(" "),
    );
  });

  it("goes on with sound in a group that is too large to be kept", async () => {
    const stage = new Stage();
    await turn();
    const sink = stage.join();
    stage.picture(0, keyframe());
    await turn();
    // A slice of 6 MB each: three are more than is kept for those who come.
    const large = new Uint8Array(6 * 1024 * 1024).fill(0xff);
    large.set(PICTURE);
    for (let index = 1; index <= 3; index += 1) {
      stage.slice(index, large);
      await turn();
    }
    stage.sound(4);
    await turn();
    expect(sink.tags().map(([name]) => name)).toEqual(
      "metadata config sound-config config key frame frame frame sound".split(" "),
    );
  });

  it("lets its readers' responses end in good order", async () => {
    const stage = new Stage();
    await turn();
    const sink = stage.join();
    stage.stream.finish();
    expect(sink.isEnded).toBe(true);
    sink.emit("close");
    expect(stage.stream.viewers.size).toBe(0);
  });
});
