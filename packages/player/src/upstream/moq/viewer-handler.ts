import { ERROR_CODES, type MoqSessionHandler } from "@canopy/protocol";

/** Answers of a viewer, who publishes nothing, to whatever a peer may ask. */
export function viewerHandler(deps: { readonly onGoaway: (uri: string) => void }): MoqSessionHandler {
  return {
    onReady: () => {},
    onPeerSetup: () => {},
    onAnnounceRequest: (request) => request.start([]),
    onTrackInfoRequest: (request) => request.reject(ERROR_CODES.notFound),
    onSubscribe: (request) => request.reject(ERROR_CODES.notFound),
    onFetch: (request) => request.reject(ERROR_CODES.notFound),
    onProbe: () => {},
    onGoaway: deps.onGoaway,
    onDatagramFrame: () => {},
  };
}
