export {
  type AdtsHeader,
  buildAdtsFrame,
  looksLikeAdts,
  parseAdtsHeader,
  splitAdts,
  stripAdts,
} from "./adts.ts";
export {
  type AudioSpecificConfig,
  aacCodecString,
  encodeAudioSpecificConfig,
  parseAudioSpecificConfig,
} from "./audio-specific-config.ts";
