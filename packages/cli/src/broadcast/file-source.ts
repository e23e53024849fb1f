import type { Logger } from "@canopy/runtime";
import type { FormatContext, Packet, Stream } from "node-av/lib";
import { AudioEncoder } from "./audio-encoder.ts";
import { BroadcastError } from "./broadcast-error.ts";
import type { AudioFormat, EncodedPacket, OpenSink, VideoFormat } from "./encoded-packet.ts";
import { AudioTranscodeTrack, CopyTrack, type FileTrack, VideoTranscodeTrack } from "./file-track.ts";
import { H264Encoder } from "./h264-encoder.ts";
import { type Ffmpeg, loadFfmpeg } from "./load-ffmpeg.ts";
import { sleep } from "./sleep.ts";

const TRANSCODED_SAMPLE_RATE = 48_000;
const TRANSCODED_AUDIO_BPS = 128_000;
/** Packets are read this much ahead of their time, so that reading the disk never makes them late. */
const READ_AHEAD_MS = 5;

export interface FileSourceOptions {
  readonly path: string;
  /** Used only where the file's video cannot be passed on. */
  readonly width: number;
  readonly height: number;
  readonly gopSeconds: number;
  readonly videoBitrateBps: number;
  readonly audio: boolean;
  /** What the target takes; AAC is passed on where it is AAC. */
  readonly audioCodec: AudioFormat["codec"];
  /** False: the target takes no B-frames. */
  readonly bFrames: boolean;
  readonly durationMs: number | undefined;
}

export interface FileSourceDeps {
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly openSink: OpenSink;
  readonly nowMs: () => number;
}

interface OpenTrack<Format> {
  readonly track: FileTrack;
  readonly format: Format;
  /** Pictures are shown up to this much later than they are decoded (B-frames), µs. */
  readonly reorderUs: number;
}

/**
 * Plays a file in real time, over and over. H.264 and AAC that the target takes are passed on untouched, anything else
 * is transcoded.
 */
export async function runFileSource(options: FileSourceOptions, deps: FileSourceDeps): Promise<void> {
  const ffmpeg = await loadFfmpeg();
  const file = new ffmpeg.FormatContext();
  if ((await file.openInput(options.path)) < 0) {
    throw new BroadcastError("source_unreadable", `cannot open ${options.path} as a media file`);
  }
  const tracks = new Map<number, FileTrack>();
  try {
    if ((await file.findStreamInfo(null)) < 0) {
      throw new BroadcastError("source_unreadable", `cannot find the streams of ${options.path}`);
    }
    const videoStream = bestStream(file, ffmpeg.AVMEDIA_TYPE_VIDEO);
    const audioStream = options.audio ? bestStream(file, ffmpeg.AVMEDIA_TYPE_AUDIO) : undefined;
    const video = videoStream && openVideo(videoStream, options, ffmpeg);
    if (video) tracks.set(videoStream.index, video.track);
    const audio = audioStream && openAudio(audioStream, options, ffmpeg);
    if (audio) tracks.set(audioStream.index, audio.track);
    if (tracks.size === 0)
      throw new BroadcastError("source_unsupported", "the file has neither video nor audio");
    deps.logger.info(
      {
        path: options.path,
        video: video?.track.constructor.name ?? "none",
        audio: audio?.track.constructor.name ?? "none",
      },
      "file opened",
    );
    const sink = deps.openSink({ video: video?.format, audio: audio?.format });
    try {
      const playback = { options, deps, ffmpeg, reorderUs: video?.reorderUs ?? 0 };
      await play(file, tracks, (packet) => sink.write(packet), playback);
    } finally {
      await sink.close();
    }
  } finally {
    for (const track of tracks.values()) track.close();
    await file.closeInput();
  }
}

interface Playback {
  readonly options: FileSourceOptions;
  readonly deps: FileSourceDeps;
  readonly ffmpeg: Ffmpeg;
  readonly reorderUs: number;
}

async function play(
  file: FormatContext,
  tracks: ReadonlyMap<number, FileTrack>,
  emit: (packet: EncodedPacket) => void,
  playback: Playback,
): Promise<void> {
  const { options, deps, ffmpeg } = playback;
  const packet = new ffmpeg.Packet();
  packet.alloc();
  const startMs = performance.now();
  // A picture is captured before it is sent: with B-frames the first one to be sent is shown some frames later.
  const startUnixUs = Math.round(deps.nowMs() * 1000 - playback.reorderUs);
  let loopStartUs = 0;
  let firstUs: number | undefined;
  const spans = new LoopSpans();
  try {
    while (!deps.signal.aborted) {
      if ((await file.readFrame(packet)) < 0) {
        if (spans.longestUs <= 0) throw new BroadcastError("source_unreadable", "the file holds no packets");
        if ((await file.seekFrame(-1, 0n, ffmpeg.AVSEEK_FLAG_BACKWARD)) < 0) {
          throw new BroadcastError("source_lost", "the file cannot be played from its start again");
        }
        for (const track of tracks.values()) track.rewind();
        loopStartUs += spans.longestUs;
        continue;
      }
      const track = tracks.get(packet.streamIndex);
      const stream = file.streams[packet.streamIndex];
      if (track && stream) {
        const decodeUs = packetTimeUs(packet, stream, ffmpeg);
        firstUs ??= decodeUs;
        const sinceStartUs = loopStartUs + decodeUs - firstUs;
        spans.add(packet.streamIndex, decodeUs, packetDurationUs(packet, stream));
        if (options.durationMs !== undefined && sinceStartUs / 1000 >= options.durationMs) return;
        const waitMs = startMs + sinceStartUs / 1000 - performance.now();
        if (waitMs > READ_AHEAD_MS) await sleep(waitMs, deps.signal);
        if (!deps.signal.aborted)
          await track.take(packet, Math.round(startUnixUs + loopStartUs - firstUs), emit);
      }
      packet.unref();
    }
  } finally {
    packet.free();
  }
}

/**
 * How long a file lasts: its longest stream from that stream's own first packet. The difference between the starts
 * of two streams is part of neither, so each goes on without a gap when the file starts over.
 */
class LoopSpans {
  readonly #firstUs = new Map<number, number>();
  longestUs = 0;

  add(stream: number, startUs: number, durationUs: number): void {
    const firstUs = this.#firstUs.get(stream);
    if (firstUs === undefined) this.#firstUs.set(stream, startUs);
    this.longestUs = Math.max(this.longestUs, startUs + durationUs - (firstUs ?? startUs));
  }
}

function packetTimeUs(packet: Packet, stream: Stream, ffmpeg: Ffmpeg): number {
  const time = packet.dts === ffmpeg.AV_NOPTS_VALUE ? packet.pts : packet.dts;
  return (Number(time) * stream.timeBase.num * 1e6) / stream.timeBase.den;
}

function packetDurationUs(packet: Packet, stream: Stream): number {
  return (Number(packet.duration) * stream.timeBase.num * 1e6) / stream.timeBase.den;
}

function bestStream(
  file: FormatContext,
  type: Parameters<FormatContext["findBestStream"]>[0],
): Stream | undefined {
  const index = file.findBestStream(type);
  return index < 0 ? undefined : file.streams[index];
}

function openVideo(stream: Stream, options: FileSourceOptions, ffmpeg: Ffmpeg): OpenTrack<VideoFormat> {
  const { codecpar } = stream;
  const framerate = stream.avgFrameRate.den > 0 ? stream.avgFrameRate.num / stream.avgFrameRate.den : 30;
  if (codecpar.codecId === ffmpeg.AV_CODEC_ID_H264 && (options.bFrames || codecpar.videoDelay === 0)) {
    const track = new CopyTrack("video", stream, "h264_mp4toannexb", ffmpeg);
    const format = {
      width: codecpar.width,
      height: codecpar.height,
      framerate,
      bitrateBps: Number(codecpar.bitRate),
      parameterSets: track.configuration,
    };
    const reorderUs = (codecpar.videoDelay * 1e6) / framerate;
    return { track, format, reorderUs };
  }
  const encoder = new H264Encoder(
    {
      width: options.width,
      height: options.height,
      framerate,
      bitrateBps: options.videoBitrateBps,
      gopFrames: Math.max(1, Math.round(options.gopSeconds * framerate)),
    },
    ffmpeg,
  );
  return { track: new VideoTranscodeTrack(stream, encoder, ffmpeg), format: encoder.format, reorderUs: 0 };
}

function openAudio(stream: Stream, options: FileSourceOptions, ffmpeg: Ffmpeg): OpenTrack<AudioFormat> {
  const { audioCodec } = options;
  const { codecpar } = stream;
  const isAac = codecpar.codecId === ffmpeg.AV_CODEC_ID_AAC && codecpar.extradataSize >= 2;
  if (isAac && audioCodec === "aac") {
    const track = new CopyTrack("audio", stream, "null", ffmpeg);
    const format: AudioFormat = {
      codec: "aac",
      sampleRate: codecpar.sampleRate,
      channels: codecpar.channels,
      bitrateBps: Number(codecpar.bitRate),
      audioSpecificConfig: track.configuration,
    };
    return { track, format, reorderUs: 0 };
  }
  // Also AAC from a transport stream: its configuration is in each frame, and may change between them.
  const encoder = new AudioEncoder(
    {
      codec: audioCodec,
      sampleRate: TRANSCODED_SAMPLE_RATE,
      channels: 2,
      bitrateBps: TRANSCODED_AUDIO_BPS,
    },
    ffmpeg,
  );
  return { track: new AudioTranscodeTrack(stream, encoder, ffmpeg), format: encoder.format, reorderUs: 0 };
}
