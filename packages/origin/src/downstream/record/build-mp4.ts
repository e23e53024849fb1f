import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  BufferSource,
  EncodedAudioPacketSource,
  EncodedPacketSink,
  EncodedVideoPacketSource,
  FilePathTarget,
  Input,
  type InputAudioTrack,
  type InputVideoTrack,
  MP4,
  Mp4OutputFormat,
  Output,
} from "mediabunny";
import { OriginError } from "../../origin-error.ts";
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
    // In the order of time, so that no track waits in memory for another one.
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

  async writeSegment(): Promise<void> {
    const segment = this.#segments[this.#at];
    if (segment === undefined) return;
    this.#at += 1;
    const init = await this.#readInit(segment);
    const media = await readFile(join(this.#folder, segmentFile(segment)));
    using input = new Input({ formats: [MP4], source: new BufferSource(Buffer.concat([init, media])) });
    const [track] = await input.getTracks();
    if (track?.isVideoTrack() === true) await this.#copyVideo(track);
    else if (track?.isAudioTrack() === true) await this.#copyAudio(track);
    if (this.nextUs === Number.POSITIVE_INFINITY) this.#source.close();
  }

  async #copyVideo(track: InputVideoTrack): Promise<void> {
    const source = this.#source as EncodedVideoPacketSource;
    const decoderConfig = this.#isDescribed ? null : await track.getDecoderConfig();
    for await (const packet of new EncodedPacketSink(track).packets()) {
      await source.add(packet, this.#describeOnce(decoderConfig));
    }
  }

  async #copyAudio(track: InputAudioTrack): Promise<void> {
    const source = this.#source as EncodedAudioPacketSource;
    const decoderConfig = this.#isDescribed ? null : await track.getDecoderConfig();
    for await (const packet of new EncodedPacketSink(track).packets()) {
      await source.add(packet, this.#describeOnce(decoderConfig));
    }
  }

  #describeOnce<T>(decoderConfig: T | null): { decoderConfig: T } | undefined {
    if (this.#isDescribed || decoderConfig === null) return undefined;
    this.#isDescribed = true;
    return { decoderConfig };
  }

  async #readInit(segment: SegmentEntry): Promise<Uint8Array> {
    if (this.#init?.number !== segment.init) {
      const file = initFile({ track: segment.track, number: segment.init });
      this.#init = { number: segment.init, bytes: await readFile(join(this.#folder, file)) };
    }
    return this.#init.bytes;
  }
}
