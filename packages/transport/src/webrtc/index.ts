export { openWebRtcEngine } from "./open-engine.ts";
export { type IceFragment, parseFragment } from "./sdp/parse-fragment.ts";
export { parseOffer } from "./sdp/parse-offer.ts";
export type {
  AnswerMedia,
  AnswerPlan,
  IceCredentials,
  MediaDirection,
  MediaKind,
  SdpCodec,
  SdpHeaderExtension,
  SdpMedia,
  SdpOffer,
  SdpRid,
} from "./sdp/session-description.ts";
export type {
  WebRtcAnswer,
  WebRtcEngine,
  WebRtcEngineDeps,
  WebRtcEngineOptions,
  WebRtcIceServer,
  WebRtcLogger,
} from "./webrtc-engine.ts";
export { WebRtcError, type WebRtcErrorCode } from "./webrtc-error.ts";
export { DEFAULT_WEBRTC_LIMITS, type WebRtcLimits } from "./webrtc-limits.ts";
export type {
  WebRtcCloseReason,
  WebRtcDataChannel,
  WebRtcDropReason,
  WebRtcPeer,
  WebRtcPeerHandler,
  WebRtcPeerState,
  WebRtcPeerStats,
} from "./webrtc-peer.ts";
export {
  type OfferedStream,
  openWebRtcPublisher,
  type WebRtcPublisher,
  type WebRtcPublisherHandler,
  type WebRtcPublisherOptions,
} from "./webrtc-publisher.ts";
