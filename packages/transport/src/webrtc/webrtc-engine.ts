import type { AnswerPlan, SdpOffer } from "./sdp/session-description.ts";
import type { WebRtcLimits } from "./webrtc-limits.ts";
import type { WebRtcPeer, WebRtcPeerHandler } from "./webrtc-peer.ts";

/** The part of the runtime's logger that is used here. */
export interface WebRtcLogger {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface WebRtcIceServer {
  /** `stun:host[:port]`, `turn:host[:port]` (RFC 7064, RFC 7065). */
  readonly url: string;
  readonly username?: string;
  readonly credential?: string;
}

export interface WebRtcEngineOptions {
  /** Address (or a name for one) of the UDP socket; `0.0.0.0` = all IPv4, `::` = all of both families. */
  readonly host: string;
  /** The one UDP port of all peers; 0 = any free one. */
  readonly port: number;
  /** Addresses under which the port is reached from outside, announced in place of those of the interfaces. */
  readonly publicAddresses?: readonly string[];
  /** Used by the engine itself, to learn its own address (STUN) or to be relayed (TURN). Rarely needed on a server. */
  readonly iceServers?: readonly WebRtcIceServer[];
  readonly limits?: Partial<WebRtcLimits>;
}

export interface WebRtcEngineDeps {
  readonly logger: WebRtcLogger;
  /** Milliseconds on a steady clock. Default: `performance.now`. */
  readonly nowMs?: () => number;
}

export interface WebRtcAnswer {
  readonly peer: WebRtcPeer;
  readonly sdp: string;
  /** ICE credentials of this side; the ETag of WHIP and WHEP is made of them. */
  readonly ufrag: string;
}

/** All WebRTC peers of a process on one UDP port. Open it with `openWebRtcEngine`. */
export interface WebRtcEngine extends AsyncDisposable {
  /** The bound port. */
  readonly port: number;
  readonly peerCount: number;
  readonly halfOpenCount: number;
  /** Peers that were closed because their handshakes did not finish, since the start. */
  readonly handshakeTimeouts: number;
  /** ICE checks for no session, of strangers or of sessions that are over, since the start. */
  readonly strayChecks: number;
  /**
   * Answers an offer: a peer in state `connecting` and the SDP of the answer with all candidates of this side.
   * Rejects with `WebRtcError`: `too-many-peers`, `too-many-half-open`, `sdp-unsupported` (nothing left to answer),
   * `engine-failed`, `closed`.
   */
  answer(offer: SdpOffer, plan: AnswerPlan, handler: WebRtcPeerHandler): Promise<WebRtcAnswer>;
  /** Closes all peers. The port answers nobody any more, but stays bound until the process ends. Idempotent. */
  close(): Promise<void>;
}
