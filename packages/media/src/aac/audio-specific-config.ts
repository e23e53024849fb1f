import { BitReader } from "../bytes/bit-reader.ts";
import { BitWriter } from "../bytes/bit-writer.ts";
import { MediaError } from "../media-error.ts";
import { readProgramConfigChannels } from "./program-config.ts";
import { CHANNELS_BY_CONFIGURATION, EXPLICIT_FREQUENCY, SAMPLING_FREQUENCIES } from "./sampling-frequency.ts";

/** AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1. */
export interface AudioSpecificConfig {
  /** Of the core: 2 = AAC-LC. */
  readonly objectType: number;
  /** Of the core, Hz. */
  readonly sampleRate: number;
  /** Of the core; parametric stereo makes two out of one. */
  readonly channels: number;
  readonly channelConfiguration: number;
  /** Samples per channel in one frame of the core: 1024 or 960. */
  readonly samplesPerFrame: number;
  /** Spectral band replication (HE-AAC) is signalled. */
  readonly sbr: boolean;
  /** Parametric stereo (HE-AAC v2) is signalled. */
  readonly ps: boolean;
  /** Output rate where SBR is signalled, Hz. */
  readonly extensionSampleRate?: number;
  /** True: SBR or PS stand in front (AOT 5 or 29), so that a decoder has to know them. */
  readonly explicitHierarchy: boolean;
}

const AOT_SBR = 5;
const AOT_ER_BSAC = 22;
const AOT_PS = 29;
/** Object types with a GASpecificConfig. */
const GENERAL_AUDIO: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23]);
/** syncExtensionType of backward compatible signalling, §1.6.6.1. */
const SYNC_SBR = 0x2b7;
const SYNC_PS = 0x548;
/** A program_config_element with its comment stays below. */
export const MAX_AUDIO_SPECIFIC_CONFIG_BYTES = 512;

function readObjectType(reader: BitReader): number {
  const type = reader.bits(5);
  return type === 31 ? 32 + reader.bits(6) : type;
}

function readFrequency(reader: BitReader): number {
  const index = reader.bits(4);
  const rate = index === EXPLICIT_FREQUENCY ? reader.bits(24) : SAMPLING_FREQUENCIES[index];
  if (!rate) {
    throw new MediaError("malformed", "reserved sampling frequency", {
      field: "AudioSpecificConfig.samplingFrequencyIndex",
      actual: index,
    });
  }
  return rate;
}

/** @throws MediaError "truncated", "malformed", "unsupported" (object types other than AAC), "too-large". */
export function parseAudioSpecificConfig(bytes: Uint8Array): AudioSpecificConfig {
  if (bytes.length > MAX_AUDIO_SPECIFIC_CONFIG_BYTES) {
    throw new MediaError("too-large", "AudioSpecificConfig over the size limit", {
      field: "AudioSpecificConfig",
      limit: MAX_AUDIO_SPECIFIC_CONFIG_BYTES,
    });
  }
  const reader = new BitReader(bytes, "AudioSpecificConfig");
  let objectType = readObjectType(reader);
  const sampleRate = readFrequency(reader);
  const channelConfiguration = reader.bits(4);
  const explicitHierarchy = objectType === AOT_SBR || objectType === AOT_PS;
  let ps = objectType === AOT_PS;
  let sbr = explicitHierarchy;
  let extensionSampleRate: number | undefined;
  if (explicitHierarchy) {
    extensionSampleRate = readFrequency(reader);
    objectType = readObjectType(reader);
    if (objectType === AOT_ER_BSAC) reader.skip(4); // extensionChannelConfiguration
  }
  if (!GENERAL_AUDIO.has(objectType)) {
    throw new MediaError("unsupported", "audio object type is not AAC", {
      field: "AudioSpecificConfig.audioObjectType",
      actual: objectType,
    });
  }
  const shortFrames = reader.flag(); // frameLengthFlag
  if (reader.flag()) reader.skip(14); // coreCoderDelay
  const extension = reader.flag();
  let channels = CHANNELS_BY_CONFIGURATION[channelConfiguration] ?? 0;
  if (channelConfiguration === 0) channels = readProgramConfigChannels(reader);
  if (channels === 0) {
    throw new MediaError("malformed", "reserved channel configuration", {
      field: "AudioSpecificConfig.channelConfiguration",
      actual: channelConfiguration,
    });
  }
  if (objectType === 6 || objectType === 20) reader.skip(3); // layerNr
  if (extension) skipExtension(reader, objectType);
  if (!explicitHierarchy && objectType < 17 && reader.bitsLeft >= 16 && reader.bits(11) === SYNC_SBR) {
    if (readObjectType(reader) === AOT_SBR && reader.flag()) {
      sbr = true;
      extensionSampleRate = readFrequency(reader);
      if (reader.bitsLeft >= 12 && reader.bits(11) === SYNC_PS) ps = reader.flag();
    }
  }
  return {
    objectType,
    sampleRate,
    channels,
    channelConfiguration,
    samplesPerFrame: shortFrames ? 960 : 1024,
    sbr,
    ps,
    ...(extensionSampleRate !== undefined && { extensionSampleRate }),
    explicitHierarchy,
  };
}

/** extensionFlag of GASpecificConfig, §4.4.1. */
function skipExtension(reader: BitReader, objectType: number): void {
  if (objectType === AOT_ER_BSAC) reader.skip(16);
  if (objectType === 17 || objectType === 19 || objectType === 20 || objectType === 23) reader.skip(3);
  reader.skip(1); // extensionFlag3
}

/**
 * `mp4a.40.<object type>` (RFC 6381 §3.3). Backward compatible SBR is left out, as WebCodecs and browsers expect the
 * object type that the config starts with.
 */
export function aacCodecString(
  config: Pick<AudioSpecificConfig, "objectType" | "explicitHierarchy" | "ps">,
): string {
  if (!config.explicitHierarchy) return `mp4a.40.${config.objectType}`;
  return config.ps ? "mp4a.40.29" : "mp4a.40.5";
}

/** The two-byte (five with an uncommon rate) config of plain AAC. `channels` 1 to 6, or 8. */
export function encodeAudioSpecificConfig(config: {
  readonly objectType?: number;
  readonly sampleRate: number;
  readonly channels: number;
}): Uint8Array {
  const channelConfiguration =
    config.channels === 0 ? -1 : CHANNELS_BY_CONFIGURATION.indexOf(config.channels);
  if (channelConfiguration < 1) {
    throw new MediaError("unsupported", "no channel configuration for this count", {
      actual: config.channels,
    });
  }
  const { sampleRate } = config;
  if (!Number.isInteger(sampleRate) || sampleRate < 1 || sampleRate > 0xff_ffff) {
    throw new MediaError("malformed", "sample rate does not fit 24 bits", { actual: sampleRate });
  }
  const writer = new BitWriter();
  writer.bits(config.objectType ?? 2, 5);
  const index = SAMPLING_FREQUENCIES.indexOf(sampleRate);
  writer.bits(index < 0 ? EXPLICIT_FREQUENCY : index, 4);
  if (index < 0) writer.bits(sampleRate, 24);
  writer.bits(channelConfiguration, 4);
  writer.bits(0, 3); // frameLengthFlag, dependsOnCoreCoder, extensionFlag
  writer.alignWithZeros();
  return writer.finish();
}
