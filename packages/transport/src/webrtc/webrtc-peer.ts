/**
 * One WebRTC connection as a server sees it, made by `WebRtcEngine.answer`.
 *
 * - Callbacks, not promises; a handler is never called from inside the caller's own call on the same peer.
 * - After `onClose` no further handler is called; calls on a closed peer do nothing and return false.
 */

export type WebRtcPeerState = "connecting" | "connected" | "disconnected" | "closed";

/**
 * Why a peer is gone: `local` = `close()` was called; `remote` = the other side closed DTLS; `handshake-timeout` = ICE
 * or DTLS did not finish in time; `failed` = ICE or DTLS failed (a wrong fingerprint, no pair of candidates);
 * `timeout` = connected, then silent.
 */
export type WebRtcCloseReason = "local" | "remote" | "handshake-timeout" | "failed" | "timeout";

/** Why packets that a peer sent were not delivered, and how many. */
export type WebRtcDropReason = "rate" | "malformed" | "unknown-stream" | "ssrcs";

export interface WebRtcPeerHandler {
  /** Media can be sent from `connected` on, and none arrives before. */
  onStateChange(state: WebRtcPeerState): void;
  /**
   * An RTP packet for the media section `mid`, found by SSRC, MID extension (RFC 9143) or payload type. At least a
   * whole header has arrived; everything else in it is unchecked. The bytes are the handler's to keep.
   */
  onRtp(mid: string, packet: Uint8Array): void;
  /** A compound or reduced-size RTCP packet; unchecked except that its first header is whole. The handler's to keep. */
  onRtcp(packet: Uint8Array): void;
  /** The other side opened a data channel. */
  onDataChannel(channel: WebRtcDataChannel): void;
  /** Exactly once, last. Not called from inside `close()` but in a later turn. */
  onClose(reason: WebRtcCloseReason): void;
}

export interface WebRtcDataChannel {
  readonly label: string;
  readonly open: boolean;
  /** Messages from the other side; dropped while undefined. */
  onMessage: ((message: string | Uint8Array) => void) | undefined;
  /** Copies. False: not open, or more would wait than the limit allows; nothing was sent then. */
  send(message: string | Uint8Array): boolean;
  close(): void;
}

export interface WebRtcPeerStats {
  /** From the ICE agent's view: payload of UDP packets. 0 where unknown. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Sends that the engine refused: the socket was full or the peer not open. */
  readonly refusedPackets: number;
  readonly droppedPackets: Readonly<Record<WebRtcDropReason, number>>;
}

export interface WebRtcPeer {
  /** Unique within this process. */
  readonly id: number;
  readonly state: WebRtcPeerState;
  /** `ip:port` of the selected pair once connected, "" before. */
  readonly remoteAddress: string;
  /**
   * Encrypts and sends one RTP packet of any of the peer's sections; `packet` is copied before this returns, so the
   * caller may change and reuse it. False: not connected, or the socket is full (the packet is lost, as on a network).
   * The same sequence number of an SSRC must never be sent with different bytes: that breaks AES-GCM (RFC 7714
   * section 8.1).
   */
  sendRtp(packet: Uint8Array): boolean;
  sendRtcp(packet: Uint8Array): boolean;
  /** A trickled candidate, with or without `candidate:`. Throws `candidate-malformed`; ignores names and excess. */
  addRemoteCandidate(candidate: string): void;
  stats(): WebRtcPeerStats;
  /** Idempotent. */
  close(): void;
}
