export {
  AmfDate,
  AmfEcmaArray,
  type AmfLimits,
  type AmfObject,
  type AmfValue,
  DEFAULT_AMF_LIMITS,
} from "./amf0-value.ts";
export type { AudioTag, AudioTagKind, AudioTrack, FlvAudioCodec } from "./audio-tag.ts";
export { avcFrameBody, avcSequenceHeaderBody } from "./avc-tag-bodies.ts";
export { decodeAmf0 } from "./decode-amf0.ts";
export { encodeAmf0 } from "./encode-amf0.ts";
export { type AudioTagInput, encodeAudioTagBody } from "./encode-audio-tag.ts";
export {
  encodeFlvHeader,
  encodeFlvTag,
  FLV_AUDIO_TAG,
  FLV_SCRIPT_TAG,
  FLV_VIDEO_TAG,
} from "./encode-flv-file.ts";
export { encodeVideoTagBody, type VideoTagInput } from "./encode-video-tag.ts";
export { parseAudioTagBody } from "./parse-audio-tag.ts";
export { parseVideoTagBody } from "./parse-video-tag.ts";
export type { FlvVideoCodec, VideoFrameType, VideoTag, VideoTagKind, VideoTrack } from "./video-tag.ts";
