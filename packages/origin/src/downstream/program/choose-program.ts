import { MediaError } from "@canopy/media";
import { encodeAudioSpecificConfig, parseAudioSpecificConfig } from "@canopy/media/aac";
import { type AudioRendition, type Catalog, decodeHex, type VideoRendition } from "@canopy/media/catalog";
import { MAX_AUDIO_CONFIG_BYTES } from "@canopy/media/cmaf";
import { encodeOpusHead, parseOpusHead } from "@canopy/media/opus";

/** One picture and one sound of a broadcast, as containers of the outside world carry them. */
export interface Program {
  readonly video: ProgramVideo | undefined;
  readonly audio: ProgramAudio | undefined;
  readonly timedTrack: string | undefined;
  /** Codecs of a kind of which nothing could be taken, for messages. */
  readonly unsupported: readonly string[];
}

export interface ProgramVideo {
  readonly track: string;
  readonly codec: "avc1" | "hvc1";
  readonly rendition: VideoRendition;
  readonly bFrames: boolean;
}

export interface ProgramAudio {
  readonly track: string;
  readonly codec: "mp4a" | "Opus";
  readonly rendition: AudioRendition;
  /** AudioSpecificConfig or OpusHead. */
  readonly config: Uint8Array;
}

/**
 * H.264 or HEVC with its parameter sets in the stream, of the highest bitrate; AAC, the publisher's or the bridge's,
 * and Opus where there is no AAC.
 */
export function chooseProgram(catalog: Catalog): Program {
  const videos = Object.entries(catalog.video?.renditions ?? {});
  const audios = Object.entries(catalog.audio?.renditions ?? {});
  const bFrames = catalog.canopy?.bFrames === true;
  const video = videos
    .flatMap(([track, rendition]) => takeVideo(track, rendition, bFrames))
    .sort((left, right) => (right.rendition.bitrate ?? 0) - (left.rendition.bitrate ?? 0))[0];
  const takenAudios = audios.flatMap(([track, rendition]) => takeAudio(track, rendition));
  const audio = takenAudios.find(({ codec }) => codec === "mp4a") ?? takenAudios[0];
  return {
    video,
    audio,
    timedTrack: catalog.canopy?.timed?.track,
    unsupported: [
      ...(video === undefined ? videos.map(([, { codec }]) => codec) : []),
      ...(audio === undefined ? audios.map(([, { codec }]) => codec) : []),
    ],
  };
}

function takeVideo(track: string, rendition: VideoRendition, bFrames: boolean): ProgramVideo[] {
  if (!isReadable(rendition) || rendition.description !== undefined) return [];
  if (/^avc[13]\./.test(rendition.codec)) return [{ track, codec: "avc1", rendition, bFrames }];
  if (/^(hvc|hev)1\./.test(rendition.codec)) return [{ track, codec: "hvc1", rendition, bFrames }];
  return [];
}

function takeAudio(track: string, rendition: AudioRendition): ProgramAudio[] {
  if (!isReadable(rendition)) return [];
  try {
    return describeAudio(track, rendition).filter(({ config }) => config.length <= MAX_AUDIO_CONFIG_BYTES);
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    return [];
  }
}

/** @throws MediaError for a configuration that no decoder takes: no container would, either */
function describeAudio(track: string, rendition: AudioRendition): ProgramAudio[] {
  const { codec, description, sampleRate, numberOfChannels } = rendition;
  const given = description === undefined || description === "" ? undefined : decodeHex(description);
  if (/^mp4a\.40\./.test(codec)) {
    const config = given ?? encodeAudioSpecificConfig({ sampleRate, channels: numberOfChannels });
    parseAudioSpecificConfig(config);
    return sampleRate > 0 ? [{ track, codec: "mp4a", rendition, config }] : [];
  }
  if (codec !== "opus") return [];
  const config = given ?? encodeOpusHead({ channels: numberOfChannels });
  parseOpusHead(config);
  return [{ track, codec: "Opus", rendition, config }];
}

function isReadable({ container, broadcast }: VideoRendition | AudioRendition): boolean {
  return (container === undefined || container.kind === "legacy") && broadcast === undefined;
}
