export { type AnnouncedIceServer, iceServerLinks } from "./ice-server-links.ts";
export type { PeerRequest, PreparedPeer, PreparePeer, WebRtcRole } from "./peer-request.ts";
export { busy, WEBRTC_PROBLEMS, webRtcProblem } from "./webrtc-problems.ts";
export { WebRtcRoutes, type WebRtcRoutesDeps, type WebRtcRoutesOptions } from "./webrtc-routes.ts";
export { WebRtcSession } from "./webrtc-session.ts";
