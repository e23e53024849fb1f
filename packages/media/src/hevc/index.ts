export { forEachNal, joinAnnexB, splitAnnexB } from "../nal/annex-b.ts";
export {
  annexBToLengthPrefixed as annexBToHvcc,
  lengthPrefixedToAnnexB as hvccToAnnexB,
  type NalLengthSize,
} from "../nal/length-prefixed.ts";
export type { SeiMessage } from "../nal/sei-message.ts";
export { type HevcParameterSets, isHevcKeyframe, normalizeHevcAccessUnit } from "./access-unit.ts";
export {
  annexBToHevcSample,
  buildHevcDecoderConfig,
  type HevcSets,
  readHevcParameterSets,
} from "./build-decoder-config.ts";
export {
  type HevcDecoderConfig,
  hevcParameterSetsToAnnexB,
  parseHevcDecoderConfig,
} from "./hevc-decoder-config.ts";
export * from "./nal-unit-type.ts";
export { type HevcPps, type HevcVps, parseHevcPps, parseHevcVps } from "./parameter-sets.ts";
export { hevcCodecString, type ProfileTierLevel } from "./profile-tier-level.ts";
export { encodeHevcSeiNal, insertHevcSei, readHevcSei } from "./sei.ts";
export { type HevcSps, parseHevcSps } from "./sps.ts";
