import { ProblemError } from "@canopy/runtime";
import { WebRtcError } from "@canopy/transport/webrtc";

/** `type` of the problems that a client may branch on. Part of the API: add, never rename. */
export const WEBRTC_PROBLEMS = {
  /** The offer is not well-formed SDP. */
  malformedOffer: "urn:canopy:problem:malformed-sdp",
  /** Nothing that the offer names can be sent or received here. */
  unsupportedOffer: "urn:canopy:problem:unsupported-sdp",
  /** The broadcast's video has B-frames, which WebRTC cannot carry. */
  bFrames: "urn:canopy:problem:b-frames",
  /** The broadcast has no media that WebRTC can carry, or none that the offer takes. */
  noPlayableMedia: "urn:canopy:problem:no-playable-media",
  /** ICE restarts are not possible here: POST a new offer. */
  iceRestart: "urn:canopy:problem:ice-restart-unsupported",
  /** Too many connections, or too many that are not established yet. */
  busy: "urn:canopy:problem:busy",
} as const;

/** After this a client may try again. */
const RETRY_AFTER_SECONDS = 1;

/** What of the engine's errors is the client's business; anything else is a 500 that is logged. */
export function webRtcProblem(error: unknown): unknown {
  if (!(error instanceof WebRtcError)) return error;
  const options = { cause: error };
  switch (error.code) {
    case "sdp-malformed":
    case "candidate-malformed":
      return new ProblemError(400, "Bad Request", sentence(error.message), {
        ...options,
        type: WEBRTC_PROBLEMS.malformedOffer,
      });
    case "sdp-unsupported":
      return new ProblemError(422, "Unprocessable Content", sentence(error.message), {
        ...options,
        type: WEBRTC_PROBLEMS.unsupportedOffer,
      });
    case "too-many-peers":
    case "too-many-half-open":
    case "closed":
      return busy(error.message, error);
    default:
      return error;
  }
}

export function busy(message: string, cause?: unknown): ProblemError {
  return new ProblemError(503, "Service Unavailable", sentence(message), {
    cause,
    type: WEBRTC_PROBLEMS.busy,
    headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
  });
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
