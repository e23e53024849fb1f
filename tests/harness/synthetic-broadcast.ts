import { type Catalog, encodeCatalog } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import type { Broadcast, Group, Store, Track } from "@canopy/relay";

export interface SyntheticOptions {
  readonly path: string;
  /** Bytes of a P picture and of an IDR picture. */
  readonly pictureBytes?: number;
  readonly keyframeBytes?: number;
  readonly framesPerGroup?: number;
  /** How long groups stay in the caches of the nodes. */
  readonly cacheMs?: number;
  readonly catalog?: Partial<Catalog>;
  /** Tracks that are published with the same pictures; the first is `video`. */
  readonly videoTracks?: readonly string[];
  /** Bytes of a picture of each further track, as a share of those of the track before. */
  readonly lowerShare?: number;
}

const FRAME_US = 33_333;
const OPUS_US = 20_000;
const OPUS_FRAMES_PER_GROUP = 25;

/** Writes pictures and sound of a made-up encoder into a store, at a pace that the test decides. */
export class SyntheticBroadcast implements Disposable {
  readonly broadcast: Broadcast;
  /** Media time of the next picture. */
  timestampUs: number;
  pictures = 0;
  readonly #options: Required<Pick<SyntheticOptions, "pictureBytes" | "keyframeBytes" | "framesPerGroup">>;
  readonly #video: { readonly track: Track; group: Group | undefined }[];
  readonly #lowerShare: number;
  readonly #audio: Track;
  readonly #timed: Track;
  readonly #catalog: Track;
  #audioGroup: Group | undefined;
  #audioFrames = 0;
  #audioUs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(store: Store, options: SyntheticOptions) {
    const {
      videoTracks = ["video"],
      pictureBytes = 5_000,
      keyframeBytes = 30_000,
      framesPerGroup = 30,
    } = options;
    this.#options = { pictureBytes, keyframeBytes, framesPerGroup };
    this.#lowerShare = options.lowerShare ?? 1;
    this.timestampUs = store.clock.nowUs();
    this.#audioUs = this.timestampUs;
    this.broadcast = store.publish(options.path);
    const { cacheMs: maxLatencyMs = 2_000 } = options;
    const info = { priority: 60, ordered: true, maxLatencyMs, timescale: 1_000_000 };
    this.#catalog = this.broadcast.createTrack("catalog.json", info);
    this.#timed = this.broadcast.createTrack("timed", info);
    this.#audio = this.broadcast.createTrack("audio", info);
    this.#video = videoTracks.map((name) => ({
      track: this.broadcast.createTrack(name, info),
      group: undefined,
    }));
    this.writeCatalog({
      video: {
        renditions: Object.fromEntries(
          videoTracks.map((name, index) => [name, { codec: "avc1.42c01f", bitrate: 1_500_000 / 2 ** index }]),
        ),
      },
      audio: { renditions: { audio: { codec: "opus", sampleRate: 48_000, numberOfChannels: 2 } } },
      canopy: { timed: { track: "timed" } },
      ...options.catalog,
    });
  }

  writeCatalog(catalog: Catalog): void {
    const group = this.#catalog.openGroup();
    group.append(this.timestampUs, encodeCatalog(catalog));
    group.finish();
  }

  /** One picture on every video track, and the sound up to its time. */
  writePicture(): void {
    const { framesPerGroup, keyframeBytes, pictureBytes } = this.#options;
    const startsGroup = this.pictures % framesPerGroup === 0;
    for (const [index, lane] of this.#video.entries()) {
      const share = this.#lowerShare ** index;
      if (startsGroup) {
        lane.group?.finish();
        lane.group = lane.track.openGroup();
      }
      const picture = startsGroup
        ? keyframe(Math.round(keyframeBytes * share), this.pictures)
        : slice(0x41, Math.round(pictureBytes * share), this.pictures);
      lane.group?.append(this.timestampUs, encodeLegacyFrame(this.timestampUs, picture));
    }
    this.pictures += 1;
    this.timestampUs += FRAME_US;
    while (this.#audioUs < this.timestampUs) this.#writeSound();
  }

  writeTimed(json: string): void {
    const group = this.#timed.openGroup();
    group.append(this.timestampUs, Buffer.from(json));
    group.finish();
  }

  /** Writes pictures in real time until disposed. */
  run(): this {
    const startedAt = performance.now();
    const before = this.pictures;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedAt) * 1_000) / FRAME_US;
      while (this.pictures - before < due) this.writePicture();
    }, 10);
    return this;
  }

  #writeSound(): void {
    if (this.#audioFrames % OPUS_FRAMES_PER_GROUP === 0) {
      this.#audioGroup?.finish();
      this.#audioGroup = this.#audio.openGroup();
    }
    const packet = Buffer.alloc(80, this.#audioFrames & 0xff);
    packet[0] = 0xfc;
    this.#audioGroup?.append(this.#audioUs, encodeLegacyFrame(this.#audioUs, packet));
    this.#audioFrames += 1;
    this.#audioUs += OPUS_US;
  }

  /** No more pictures, and no end either. */
  fallSilent(): void {
    clearInterval(this.#timer);
  }

  /** The publisher leaves in good order. */
  end(): void {
    this.fallSilent();
    this.broadcast.end();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

const START_CODE = Buffer.from([0, 0, 0, 1]);

/** A slice of no real picture; its number stands in its first bytes, and nothing in it looks like a start code. */
function slice(header: number, bytes: number, picture: number): Buffer {
  const nal = Buffer.alloc(bytes, 0xab);
  nal[0] = header;
  // First macroblock 0, so that it begins a picture; then the number in nibbles that are never zero.
  nal[1] = 0x88;
  for (let digit = 0; digit < 8; digit += 1) nal[2 + digit] = 0x40 | ((picture >>> (28 - 4 * digit)) & 0xf);
  return Buffer.concat([START_CODE, nal]);
}

function keyframe(bytes: number, picture: number): Buffer {
  // Of a real encoder, 160x90: whoever packages them reads them.
  const sps = Buffer.from("6742c00bd9028df930110000030001000003003c0f142a48", "hex");
  const pps = Buffer.from("68cb804d2c80", "hex");
  return Buffer.concat([START_CODE, sps, START_CODE, pps, slice(0x65, bytes, picture)]);
}

/** The number that `slice` wrote into the last slice of an access unit; undefined for anything else. */
export function pictureNumber(annexB: Uint8Array): number | undefined {
  const bytes = Buffer.from(annexB);
  for (const header of [0x65, 0x41]) {
    const at = bytes.lastIndexOf(Buffer.from([0, 0, 0, 1, header, 0x88]));
    if (at < 0) continue;
    let number = 0;
    for (let digit = 0; digit < 8; digit += 1) number = (number << 4) | ((bytes[at + 6 + digit] ?? 0) & 0xf);
    return number >>> 0;
  }
  return undefined;
}
