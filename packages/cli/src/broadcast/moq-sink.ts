import { randomInt } from "node:crypto";
import { connectParent } from "@canopy/edge";
import { aacCodecString, parseAudioSpecificConfig } from "@canopy/media/aac";
import { type AudioRendition, encodeCatalog, encodeHex, type VideoRendition } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { h264CodecString, parseSps, readAvcParameterSets } from "@canopy/media/h264";
import {
  ERROR_CODES,
  forwardEvents,
  MOQ_PROTOCOLS,
  MoqSession,
  normalizePath,
  ServedBroadcast,
  ServedTrack,
  type TrackInfo,
} from "@canopy/protocol";
import { backoffMs, type Logger } from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import type { AudioFormat, EncodedPacket, PacketSink, StreamFormats, VideoFormat } from "./encoded-packet.ts";
import { readParameterSets } from "./parameter-sets.ts";

/** Half a second of sound per group, as everywhere in Canopy. */
const AUDIO_GROUP_US = 500_000;
const TICK_MS = 1_000;
/** After the end was announced, what is still unsent gets this long. */
const LINGER_MS = 200;
/** And the other side this long to answer that it knows: it would wait for a publisher whom it has only lost. */
const MAX_LINGER_MS = 2_000;

export interface MoqSinkOptions {
  /** `https://host:port[/root][?jwt=…]`. */
  readonly url: string;
  /** Relative to the URL's path. */
  readonly broadcast: string;
  readonly formats: StreamFormats;
}

export interface MoqSinkDeps {
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Publishes over MoQ on raw QUIC: H.264 as Annex B and raw AAC; comes back by itself when the server goes away. */
export class MoqSink implements PacketSink {
  readonly #options: MoqSinkOptions;
  readonly #deps: MoqSinkDeps;
  readonly #video: ServedTrack;
  readonly #audio: ServedTrack;
  readonly #broadcast: ServedBroadcast;
  /** While a session is dialed. Afterwards it would end the session before its peer is told that all is over. */
  #dialing: AbortController | undefined;
  #closed = false;
  readonly #tick: NodeJS.Timeout;
  #session: Session | undefined;
  #moq: MoqSession | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #audioGroupUs: number | undefined;

  constructor(options: MoqSinkOptions, deps: MoqSinkDeps) {
    this.#options = options;
    this.#deps = deps;
    const nowMs = deps.nowMs();
    const catalog = new ServedTrack("catalog.json", trackInfo(100), nowMs);
    this.#video = new ServedTrack("video", trackInfo(60), nowMs);
    this.#audio = new ServedTrack("audio", trackInfo(80), nowMs);
    const path = normalizePath(options.broadcast);
    this.#broadcast = new ServedBroadcast(path, [catalog, this.#video, this.#audio]);
    catalog.startGroup();
    catalog.write(Math.round(nowMs * 1000), encodeFormats(options.formats));
    catalog.finishGroup();
    this.#tick = setInterval(() => this.#moq?.onTick(deps.nowMs()), TICK_MS);
    void this.#connect();
  }

  write(packet: EncodedPacket): void {
    if (packet.kind === "video") this.#writeVideo(packet);
    else this.#writeAudio(packet);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#dialing?.abort();
    clearInterval(this.#tick);
    clearTimeout(this.#retry);
    const heard = new Promise<void>((resolve) => this.#broadcast.end(resolve));
    const [moq, session] = [this.#moq, this.#session];
    if (!session || session.closed) return;
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms).unref());
    await Promise.race([Promise.all([heard, wait(LINGER_MS)]), wait(MAX_LINGER_MS)]);
    moq?.close(ERROR_CODES.cancel, "the broadcast is over");
    session.close(ERROR_CODES.cancel, "the broadcast is over");
  }

  #writeVideo(packet: EncodedPacket): void {
    const { video } = this.#options.formats;
    if (!video) return;
    let { data } = packet;
    if (packet.keyframe) {
      // Without a description in the catalog, decoders find the parameter sets before every IDR picture.
      if (readAvcParameterSets(data) === undefined) data = Buffer.concat([video.parameterSets, data]);
      this.#video.startGroup();
    }
    this.#video.write(packet.timestampUs, encodeLegacyFrame(packet.timestampUs, data));
  }

  #writeAudio(packet: EncodedPacket): void {
    const { timestampUs } = packet;
    if (this.#audioGroupUs === undefined || timestampUs - this.#audioGroupUs >= AUDIO_GROUP_US) {
      this.#audioGroupUs = timestampUs;
      this.#audio.startGroup();
    }
    this.#audio.write(timestampUs, encodeLegacyFrame(timestampUs, packet.data));
  }

  async #connect(): Promise<void> {
    this.#dialing = new AbortController();
    const { signal } = this.#dialing;
    try {
      const session = await connectParent(
        this.#options.url,
        { trust: { ca: undefined, sha256: [] }, protocols: MOQ_PROTOCOLS },
        { logger: this.#deps.logger, signal },
      );
      this.#dialing = undefined;
      if (this.#closed) {
        session.close(ERROR_CODES.cancel, "the broadcast is over");
        return;
      }
      this.#serve(session);
    } catch (error) {
      if (!this.#closed) this.#reconnect(error instanceof Error ? error.message : String(error));
    }
  }

  #serve(session: Session): void {
    const { pathname, search, origin } = new URL(this.#options.url);
    const moq = new MoqSession(
      { wire: session, role: "client", originId: randomInt(1, 2 ** 48 - 1), path: pathname + search },
      this.#broadcast.handler({
        onReady: () => {
          this.#attempt = 0;
          this.#deps.logger.info({ target: origin + pathname }, "publishing over MoQ");
        },
        onGoaway: () => session.close(ERROR_CODES.cancel, "moved"),
      }),
    );
    this.#session = session;
    this.#moq = moq;
    session.handler = forwardEvents(moq, (close) => {
      this.#session = undefined;
      this.#moq = undefined;
      this.#reconnect(close.reason || "connection lost");
    });
  }

  #reconnect(reason: string): void {
    if (this.#closed) return;
    const waitMs = backoffMs(this.#attempt++, Math.random());
    this.#deps.logger.warn({ waitMs, reason }, "no MoQ session");
    this.#retry = setTimeout(() => void this.#connect(), waitMs);
  }
}

function trackInfo(priority: number): TrackInfo {
  return { priority, ordered: false, maxLatencyMs: 30_000, timescale: 1_000_000 };
}

function encodeFormats(formats: StreamFormats): Uint8Array {
  const { video, audio } = formats;
  return encodeCatalog({
    ...(video && { video: { renditions: { video: videoRendition(video) } } }),
    ...(audio && { audio: { renditions: { audio: audioRendition(audio) } } }),
    canopy: { publisher: "moq" },
  });
}

function videoRendition(format: VideoFormat): VideoRendition {
  const [sps] = readParameterSets(format.parameterSets).sps;
  return {
    codec: h264CodecString(parseSps(sps)),
    codedWidth: format.width,
    codedHeight: format.height,
    framerate: format.framerate,
    ...(format.bitrateBps > 0 && { bitrate: format.bitrateBps }),
  };
}

function audioRendition(format: AudioFormat): AudioRendition {
  return {
    codec: aacCodecString(parseAudioSpecificConfig(format.audioSpecificConfig)),
    description: encodeHex(format.audioSpecificConfig),
    sampleRate: format.sampleRate,
    numberOfChannels: format.channels,
    ...(format.bitrateBps > 0 && { bitrate: format.bitrateBps }),
  };
}
