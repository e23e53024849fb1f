import { MediaError } from "@canopy/media";
import {
  type AudioSpecificConfig,
  encodeAudioSpecificConfig,
  parseAudioSpecificConfig,
} from "@canopy/media/aac";
import type { AudioRendition, Catalog, CatalogContainer, VideoRendition } from "@canopy/media/catalog";
import { decodeHex } from "@canopy/media/catalog";
import { MAX_AUDIO_CONFIG_BYTES } from "@canopy/media/cmaf";
import { encodeOpusHead, parseOpusHead } from "@canopy/media/opus";

/** A video rendition that can be put into a container for HTTP. */
export interface PackagedVideo {
  /** Name of its track. */
  readonly name: string;
  /** `avc1.…`, whichever form the catalog has. */
  readonly codec: string;
  readonly rendition: VideoRendition;
}

export interface PackagedAudio {
  readonly name: string;
  readonly codec: string;
  readonly form: "mp4a" | "Opus";
  /** AudioSpecificConfig or OpusHead. */
  readonly config: Uint8Array;
  /** Of the coded frames, Hz: what their durations are counted in. */
  readonly sampleRate: number;
  readonly channels: number;
  /** Samples of one frame; 0: each frame says so itself (Opus). */
  readonly samplesPerFrame: number;
  readonly bitrate: number | undefined;
}

/** What of a broadcast goes out by HLS and FLV; video from the highest bitrate to the lowest. */
export interface PackagedMedia {
  readonly video: readonly PackagedVideo[];
  readonly audio: PackagedAudio | undefined;
  /** Undefined: the publisher has not said. */
  readonly bFrames: boolean | undefined;
  readonly timedTrack: string | undefined;
  /** Codecs of renditions that were left out, for messages. */
  readonly leftOut: readonly string[];
}

/** Opus always decodes at this rate (RFC 7845 §4). */
const OPUS_RATE = 48_000;

/**
 * H.264 as Annex B, and one rendition of sound: AAC, which every player of HLS and FLV takes, whether the publisher's
 * own or the origin's bridge, before Opus.
 */
export function packagedMedia(catalog: Catalog): PackagedMedia {
  const video: PackagedVideo[] = [];
  const leftOut: string[] = [];
  for (const [name, rendition] of Object.entries(catalog.video?.renditions ?? {})) {
    const codec = /^avc[13](\..+)$/.exec(rendition.codec)?.[1];
    const usable = rendition.description === undefined && isOurs(rendition);
    if (codec !== undefined && usable) video.push({ name, codec: `avc1${codec}`, rendition });
    else leftOut.push(rendition.codec);
  }
  video.sort((left, right) => (right.rendition.bitrate ?? 0) - (left.rendition.bitrate ?? 0));
  const { bridges } = catalog.canopy ?? {};
  let audio: PackagedAudio | undefined;
  let rank = 0;
  for (const [name, rendition] of Object.entries(catalog.audio?.renditions ?? {})) {
    const packaged = isOurs(rendition) ? describeAudio(name, rendition) : undefined;
    if (packaged === undefined) {
      leftOut.push(rendition.codec);
      continue;
    }
    const isBridged = bridges !== undefined && Object.hasOwn(bridges, name);
    const ownRank = (packaged.form === "mp4a" ? 2 : 0) + (isBridged ? 1 : 2);
    if (ownRank > rank) {
      rank = ownRank;
      audio = packaged;
    }
  }
  return {
    video,
    audio,
    bFrames: catalog.canopy?.bFrames,
    timedTrack: catalog.canopy?.timed?.track,
    leftOut,
  };
}

/** Two descriptions of the same stream of sound. */
export function sameAudio(left: PackagedAudio, right: PackagedAudio): boolean {
  return (
    left.name === right.name && left.form === right.form && Buffer.compare(left.config, right.config) === 0
  );
}

function isOurs(rendition: { readonly container?: CatalogContainer; readonly broadcast?: string }): boolean {
  const { container, broadcast } = rendition;
  return broadcast === undefined && (container === undefined || container.kind === "legacy");
}

function describeAudio(name: string, rendition: AudioRendition): PackagedAudio | undefined {
  const { codec, description, bitrate } = rendition;
  try {
    if (codec === "opus") {
      const config =
        description === undefined
          ? encodeOpusHead({ channels: rendition.numberOfChannels, inputSampleRate: rendition.sampleRate })
          : decodeHex(description);
      const { channels } = parseOpusHead(config);
      if (config.length > MAX_AUDIO_CONFIG_BYTES) return undefined;
      const timing = { sampleRate: OPUS_RATE, samplesPerFrame: 0 };
      return { name, codec: "opus", form: "Opus", config, channels, bitrate, ...timing };
    }
    if (!codec.startsWith("mp4a.40.")) return undefined;
    const config =
      description === undefined
        ? encodeAudioSpecificConfig({
            sampleRate: rendition.sampleRate,
            channels: rendition.numberOfChannels,
          })
        : decodeHex(description);
    const parsed: AudioSpecificConfig = parseAudioSpecificConfig(config);
    if (config.length > MAX_AUDIO_CONFIG_BYTES) return undefined;
    const { sampleRate, channels, samplesPerFrame } = parsed;
    return { name, codec, form: "mp4a", config, sampleRate, channels, samplesPerFrame, bitrate };
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}
