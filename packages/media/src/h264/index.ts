export { findStartCode, forEachNal, joinAnnexB, splitAnnexB } from "../nal/annex-b.ts";
export { insertEmulationPrevention, removeEmulationPrevention } from "../nal/emulation-prevention.ts";
export {
  annexBToLengthPrefixed as annexBToAvcc,
  lengthPrefixedToAnnexB as avccToAnnexB,
  type NalLengthSize,
  splitLengthPrefixed as splitAvcc,
} from "../nal/length-prefixed.ts";
export {
  DEFAULT_NAL_LIMITS,
  MAX_NAL_BYTES,
  MAX_NALS_PER_ACCESS_UNIT,
  type NalLimits,
} from "../nal/limits.ts";
export type { SeiMessage } from "../nal/sei-message.ts";
export { isKeyframe, type NormalizeOptions, normalizeAccessUnit, type ParameterSets } from "./access-unit.ts";
export { type AvcDecoderConfig, buildAvcDecoderConfig, parseAvcDecoderConfig } from "./avc-decoder-config.ts";
export { DecodeTimeline } from "./decode-timeline.ts";
export { withLowDelayVui } from "./low-delay-vui.ts";
export * from "./nal-unit-type.ts";
export { parameterSetId } from "./parameter-set-id.ts";
export {
  type AvcParameterSets,
  annexBToAvcSample,
  findParameterSets,
  readAvcParameterSets,
} from "./parameter-sets.ts";
export { encodeSeiMessages, encodeSeiNal, insertSei, readSei } from "./sei.ts";
export { peekSliceHeader, type SliceHeader, type SliceType, usesBFrames } from "./slice-header.ts";
export { h264CodecString, parseSps, type Sps } from "./sps.ts";
export type { BitstreamRestriction, ColourDescription, Vui } from "./vui.ts";
