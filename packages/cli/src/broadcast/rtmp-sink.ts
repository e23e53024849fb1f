import { backoffMs, type Logger } from "@canopy/runtime";
import type { EncodedPacket, PacketSink, StreamFormats } from "./encoded-packet.ts";
import { audioSequenceHeader, audioTagBody, videoSequenceHeader, videoTagBody } from "./flv-tag.ts";
import { RTMP_AUDIO, RTMP_VIDEO, RtmpPublisher } from "./rtmp-publisher.ts";

/** Unsent bytes above which frames are dropped up to the next keyframe: about 2 s at 2 Mbit/s. */
const MAX_BACKLOG_BYTES = 512 * 1024;
/** A server that takes nothing for this long is left and connected to anew. */
const STALLED_MS = 10_000;

export interface RtmpSinkOptions {
  readonly url: string;
  readonly formats: StreamFormats;
}

export interface RtmpSinkDeps {
  readonly logger: Logger;
}

/** Publishes over RTMP (H.264 and AAC in FLV tags); comes back by itself when the server goes away. */
export class RtmpSink implements PacketSink {
  readonly #options: RtmpSinkOptions;
  readonly #logger: Logger;
  #publisher: RtmpPublisher | undefined;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  /** Time 0 of this connection; undefined until its first keyframe (or audio, without video). */
  #baseUs: number | undefined;
  #skipToKeyframe = true;
  #backlogSinceMs: number | undefined;
  #dropped = 0;
  #sent = 0;

  constructor(options: RtmpSinkOptions, deps: RtmpSinkDeps) {
    this.#options = options;
    this.#logger = deps.logger;
    this.#connect();
  }

  /** Packets that were not sent: no connection, or a slow one. */
  get droppedPackets(): number {
    return this.#dropped;
  }

  get sentPackets(): number {
    return this.#sent;
  }

  write(packet: EncodedPacket): void {
    const publisher = this.#publisher;
    if (!publisher?.live || !this.#admit(publisher, packet)) {
      this.#dropped++;
      return;
    }
    if (this.#baseUs === undefined) this.#baseUs = this.#start(publisher, packet);
    const decodeMs = Math.max(0, Math.round((packet.decodeTimestampUs - this.#baseUs) / 1000));
    if (packet.kind === "video") {
      const presentMs = Math.round((packet.timestampUs - this.#baseUs) / 1000);
      publisher.send(RTMP_VIDEO, decodeMs, videoTagBody(packet, presentMs - decodeMs));
    } else {
      publisher.send(RTMP_AUDIO, decodeMs, audioTagBody(packet));
    }
    this.#sent++;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#publisher?.close();
  }

  #admit(publisher: RtmpPublisher, packet: EncodedPacket): boolean {
    if (publisher.backlogBytes > MAX_BACKLOG_BYTES) {
      this.#skipToKeyframe = true;
      const nowMs = performance.now();
      this.#backlogSinceMs ??= nowMs;
      if (nowMs - this.#backlogSinceMs > STALLED_MS) publisher.close();
      return false;
    }
    this.#backlogSinceMs = undefined;
    if (packet.kind === "video") {
      if (this.#skipToKeyframe && !packet.keyframe) return false;
      this.#skipToKeyframe = false;
      return true;
    }
    // With video, the stream starts on a keyframe; sound from before it has nothing to go with.
    return this.#baseUs !== undefined
      ? packet.decodeTimestampUs >= this.#baseUs
      : !this.#options.formats.video;
  }

  #start(publisher: RtmpPublisher, first: EncodedPacket): number {
    const { video, audio } = this.#options.formats;
    if (video) publisher.send(RTMP_VIDEO, 0, videoSequenceHeader(video));
    if (audio) publisher.send(RTMP_AUDIO, 0, audioSequenceHeader(audio));
    return first.decodeTimestampUs;
  }

  #connect(): void {
    this.#baseUs = undefined;
    this.#skipToKeyframe = true;
    this.#backlogSinceMs = undefined;
    const publisher = new RtmpPublisher((error) => {
      if (this.#publisher === publisher) this.#reconnect(error);
    });
    this.#publisher = publisher;
    publisher.open(this.#options.url, this.#metadata()).then(
      () => {
        this.#attempt = 0;
        this.#logger.info({ target: withoutQuery(this.#options.url) }, "publishing over RTMP");
      },
      // The publisher's end has already been told to #reconnect, which also logs it.
      () => undefined,
    );
  }

  #reconnect(error: Error | undefined): void {
    if (this.#closed) return;
    const waitMs = backoffMs(this.#attempt++, Math.random());
    this.#logger.warn({ waitMs, reason: error?.message ?? "closed by the server" }, "RTMP connection lost");
    this.#retry = setTimeout(() => this.#connect(), waitMs);
  }

  #metadata(): Record<string, number | string | boolean> {
    const { video, audio } = this.#options.formats;
    return {
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
    };
  }
}

/** The query may hold a token, which belongs in no log. */
export function withoutQuery(url: string): string {
  const at = url.indexOf("?");
  return at < 0 ? url : url.slice(0, at);
}
