import { avcFrameBody, avcSequenceHeaderBody, encodeAudioTagBody } from "@canopy/media/flv";
import { readAvcParameterSets } from "@canopy/media/h264";
import { DEFAULT_RTMP_PUSH, RtmpPush, type RtmpStreamDescription } from "@canopy/origin/rtmp-push";
import type { Logger } from "@canopy/runtime";
import { BroadcastError } from "./broadcast-error.ts";
import type { EncodedPacket, PacketSink, StreamFormats } from "./encoded-packet.ts";

export interface RtmpSinkOptions {
  readonly url: string;
  readonly formats: StreamFormats;
}

export interface RtmpSinkDeps {
  readonly logger: Logger;
}

/** A broadcaster is often started with its server: it tries again sooner than one that restreams. */
const BACKOFF = { baseMs: 100, capMs: 5_000 };

/** Publishes over RTMP (H.264 and AAC in FLV tags); comes back by itself when the server goes away. */
export class RtmpSink implements PacketSink {
  readonly #push: RtmpPush;

  constructor(options: RtmpSinkOptions, deps: RtmpSinkDeps) {
    const { url, formats } = options;
    const { logger } = deps;
    this.#push = new RtmpPush(
      { ...DEFAULT_RTMP_PUSH, backoff: BACKOFF, url },
      {
        onLive: () => logger.info({ target: withoutQuery(url) }, "publishing over RTMP"),
        onLost: (error, waitMs) =>
          logger.warn({ waitMs, reason: error?.message ?? "closed by the server" }, "RTMP connection lost"),
      },
    );
    this.#push.describe(describe(formats));
    this.#push.start();
  }

  /** Packets that were not sent: no connection, or a slow one. */
  get droppedPackets(): number {
    return this.#push.droppedFrames;
  }

  get sentPackets(): number {
    return this.#push.sentFrames;
  }

  write(packet: EncodedPacket): void {
    const { data, keyframe, timestampUs, decodeTimestampUs } = packet;
    if (packet.kind === "audio") {
      const timeMs = this.#push.admitAudio(decodeTimestampUs);
      if (timeMs === undefined) return;
      this.#push.sendAudio(timeMs, encodeAudioTagBody({ codec: "mp4a", kind: "frame", data }));
      return;
    }
    const timeMs = this.#push.admitVideo(decodeTimestampUs, keyframe);
    if (timeMs === undefined) return;
    const compositionMs = Math.round((timestampUs - decodeTimestampUs) / 1_000);
    this.#push.sendVideo(timeMs, avcFrameBody(data, keyframe, compositionMs));
  }

  async close(): Promise<void> {
    this.#push.close();
  }
}

function describe({ video, audio }: StreamFormats): RtmpStreamDescription {
  const sets = video && readAvcParameterSets(video.parameterSets);
  if (video !== undefined && sets === undefined) {
    throw new BroadcastError("source_unsupported", "the video has no SPS and PPS");
  }
  return {
    video: sets && avcSequenceHeaderBody(sets),
    audio:
      audio && encodeAudioTagBody({ codec: "mp4a", kind: "sequence-start", data: audio.audioSpecificConfig }),
    metadata: {
      encoder: "canopy",
      ...(video && {
        width: video.width,
        height: video.height,
        framerate: video.framerate,
        videocodecid: 7,
        videodatarate: video.bitrateBps / 1000,
      }),
      ...(audio && {
        audiocodecid: 10,
        audiosamplerate: audio.sampleRate,
        audiosamplesize: 16,
        stereo: audio.channels === 2,
        audiodatarate: audio.bitrateBps / 1000,
      }),
    },
  };
}

/** The query may hold a token, which belongs in no log. */
export function withoutQuery(url: string): string {
  const at = url.indexOf("?");
  return at < 0 ? url : url.slice(0, at);
}
