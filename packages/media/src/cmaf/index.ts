export { CMAF_TRACK_ID, type CmafAudioTrack, type CmafTrack, type CmafVideoTrack } from "./cmaf-track.ts";
export { EMSG_ID3_SCHEME, type EventMessage, encodeEmsg, encodeId3Text } from "./encode-emsg.ts";
export { type CmafFragment, type CmafSample, encodeFragment } from "./encode-fragment.ts";
export { encodeInitSegment, MAX_AUDIO_CONFIG_BYTES } from "./encode-init.ts";
