import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  BufferSource,
  EncodedAudioPacketSource,
  type EncodedPacket,
  EncodedPacketSink,
  EncodedVideoPacketSource,
  FilePathTarget,
  Input,
  MP4,
  Mp4OutputFormat,
  Output,
} from "mediabunny";
import { OriginError } from "../../origin-error.ts";
import { dropStrandedPictures } from "./drop-stranded-pictures.ts";
import { initFile, type RecordingContents, type SegmentEntry, segmentFile } from "./recording-journal.ts";

/** A track of the file. What cannot go on in one track of it, such as another codec, begins a further one. */
interface Mp4Track {
  /** Segments that go into it, in order. */
  readonly segments: SegmentEntry[];
  readonly samples: number;
}

/**
 * Makes one MP4 out of a recording's segments, with its index in front. Reads and writes piece by piece: memory holds a
 * few segments and the index.
 */
export async function buildMp4(folder: string, contents: RecordingContents, path: string): Promise<void> {
  const format = new Mp4OutputFormat({ fastStart: "reserve" });
  const output = new Output({ format, target: new FilePathTarget(path) });
  const writers: TrackWriter[] = [];
  for (const track of planTracks(contents)) {
    const writer = await TrackWriter.open(folder, track, output);
    writers.push(writer);
  }
  if (writers.length === 0) throw new OriginError("not-found", "The recording holds nothing.");
  try {
    await output.start();
    // Room for the index is made when every track is known, and with the first packets alone: what comes before waits
    // in memory, and reordered pictures among it are more than the muxer can lay out without their samples.
    for (const writer of writers) await writer.writeFirstPacket();
    // In the order of time, so that what belongs together lies together.
    for (;;) {
      let next: TrackWriter | undefined;
      for (const writer of writers) {
        if (writer.nextUs < (next?.nextUs ?? Number.POSITIVE_INFINITY)) next = writer;
      }
      if (next === undefined) break;
      await next.writeSegment();
    }
    await output.finalize();
  } catch (error) {
    await output.cancel();
    throw error;
  }
}

/** One track per kind and codec: pictures may change their size within a track, sound not its format. */
function planTracks({ segments, inits }: RecordingContents): Mp4Track[] {
  const tracks: Mp4Track[] = [];
  for (const kind of ["video", "audio"] as const) {
    const byFormat = new Map<string, SegmentEntry[]>();
    for (const segment of segments[kind]) {
      const init = inits[kind].find(({ number }) => number === segment.init);
      const format = kind === "video" ? init?.codec.slice(0, 4) : init?.codec;
      const list = byFormat.get(format ?? "");
      if (list === undefined) byFormat.set(format ?? "", [segment]);
      else list.push(segment);
    }
    for (const list of byFormat.values()) {
      tracks.push({ segments: list, samples: list.reduce((sum, { samples }) => sum + samples, 0) });
    }
  }
  return tracks;
}

class TrackWriter {
  readonly #folder: string;
  readonly #segments: readonly SegmentEntry[];
  readonly #source: EncodedVideoPacketSource | EncodedAudioPacketSource;
  #at = 0;
  #init: { readonly number: number; readonly bytes: Uint8Array } | undefined;
  #isDescribed = false;
  #decoderConfig: VideoDecoderConfig | AudioDecoderConfig | undefined;
  /** Of the segment whose first packet is written. */
  #rest: EncodedPacket[] | undefined;

  private constructor(
    folder: string,
    segments: readonly SegmentEntry[],
    source: EncodedVideoPacketSource | EncodedAudioPacketSource,
  ) {
    this.#folder = folder;
    this.#segments = segments;
    this.#source = source;
  }

  static async open(folder: string, track: Mp4Track, output: Output): Promise<TrackWriter> {
    const [first] = track.segments;
    if (first === undefined) throw new OriginError("not-found", "A track without segments.");
    const metadata = { maximumPacketCount: track.samples };
    const init = await readFile(join(folder, initFile({ track: first.track, number: first.init })));
    using input = new Input({ formats: [MP4], source: new BufferSource(init) });
    const [found] = await input.getTracks();
    const codec = await found?.getCodec();
    if (first.track === "video" && (codec === "avc" || codec === "hevc")) {
      const source = new EncodedVideoPacketSource(codec);
      output.addVideoTrack(source, metadata);
      return new TrackWriter(folder, track.segments, source);
    }
    if (first.track === "audio" && (codec === "aac" || codec === "opus")) {
      const source = new EncodedAudioPacketSource(codec);
      output.addAudioTrack(source, metadata);
      return new TrackWriter(folder, track.segments, source);
    }
    throw new OriginError("codec-unsupported", `The recording's codec is ${codec ?? "unknown"}.`);
  }

  /** Where the next segment begins; infinity after the last. */
  get nextUs(): number {
    return this.#segments[this.#at]?.startUs ?? Number.POSITIVE_INFINITY;
  }

  async writeFirstPacket(): Promise<void> {
    const packets = await this.#readSegment();
    const first = packets.shift();
    this.#rest = packets;
    if (first !== undefined) await this.#write(first);
  }

  async writeSegment(): Promise<void> {
    const packets = this.#rest ?? (await this.#readSegment());
    this.#rest = undefined;
    this.#at += 1;
    for (const packet of packets) await this.#write(packet);
    if (this.nextUs === Number.POSITIVE_INFINITY) this.#source.close();
  }

  async #readSegment(): Promise<EncodedPacket[]> {
    const segment = this.#segments[this.#at];
    if (segment === undefined) return [];
    const init = await this.#readInit(segment);
    const media = await readFile(join(this.#folder, segmentFile(segment)));
    using input = new Input({ formats: [MP4], source: new BufferSource(Buffer.concat([init, media])) });
    const [track] = await input.getTracks();
    if (track === undefined) throw new OriginError("not-found", `${segmentFile(segment)} holds no track.`);
    if (track.isVideoTrack() || track.isAudioTrack()) {
      this.#decoderConfig ??= (await track.getDecoderConfig()) ?? undefined;
    }
    const packets: EncodedPacket[] = [];
    for await (const packet of new EncodedPacketSink(track).packets()) packets.push(packet);
    if (segment.track === "video") dropStrandedPictures(packets);
    return packets;
  }

  /** The first packet of a track brings its description. */
  async #write(packet: EncodedPacket): Promise<void> {
    const decoderConfig = this.#isDescribed ? undefined : this.#decoderConfig;
    this.#isDescribed = true;
    // The kind of the source is that of the track it was made for, and so is the description's.
    if (this.#source instanceof EncodedVideoPacketSource) {
      await this.#source.add(packet, decoderConfig && { decoderConfig: decoderConfig as VideoDecoderConfig });
    } else
      await this.#source.add(packet, decoderConfig && { decoderConfig: decoderConfig as AudioDecoderConfig });
  }

  async #readInit(segment: SegmentEntry): Promise<Uint8Array> {
    if (this.#init?.number !== segment.init) {
      const file = initFile({ track: segment.track, number: segment.init });
      this.#init = { number: segment.init, bytes: await readFile(join(this.#folder, file)) };
    }
    return this.#init.bytes;
  }
}
