import type { AnnouncedIceServer } from "@canopy/relay/webrtc";

/** What a node's operator may set about WHEP. */
export interface WhepOptions {
  /** STUN and TURN servers that viewers are told of. */
  readonly iceServers: readonly AnnouncedIceServer[];
  /** Largest RTP payload, bytes. */
  readonly maxPayloadBytes: number;
  /** Connections of one address whose handshakes are not done; undefined: any number that the engine takes. */
  readonly maxHalfOpenPerAddress?: number | undefined;
}

/** With headers, SRTP's tag, UDP and IPv6 this stays below 1,280, the least that IPv6 carries. */
export const DEFAULT_WHEP_OPTIONS: WhepOptions = { iceServers: [], maxPayloadBytes: 1_188 };
