import type { AnswerPlan, SdpOffer, WebRtcPeer, WebRtcPeerHandler } from "@canopy/transport/webrtc";
import type { Admitted } from "../admission.ts";

/** Which of the two HTTP protocols: WHIP (RFC 9725) publishes, WHEP (draft-ietf-wish-whep) plays. */
export type WebRtcRole = "whip" | "whep";

/** An admitted POST with a well-formed offer. */
export interface PeerRequest {
  /** Normalized path of the broadcast; the token allows it. */
  readonly broadcast: string;
  readonly offer: SdpOffer;
  readonly admitted: Admitted;
  /** `ip` of the HTTP client. */
  readonly remoteAddress: string;
}

/** What the hop makes of a request before the engine answers. */
export interface PreparedPeer {
  readonly plan: AnswerPlan;
  readonly handler: WebRtcPeerHandler;
  /** The engine has answered: from now on the peer is the hop's to send on. Called before the HTTP answer is written. */
  attach(peer: WebRtcPeer): void;
  /** The engine could not answer; nothing will be attached. */
  abandon(): void;
  /** Tells the peer to go on at another node ("" = of its own choice); absent where it cannot be told. */
  goaway?(uri: string): void;
}

/**
 * Decides what a peer is answered. Throws `ProblemError`: 404 for a broadcast that is not there, 409 for one that is
 * taken, 422 with a `type` of `WEBRTC_PROBLEMS` for media that cannot be played.
 */
export type PreparePeer = (request: PeerRequest) => PreparedPeer | Promise<PreparedPeer>;
