import { randomBytes } from "node:crypto";
import type { WebRtcPeer } from "@canopy/transport/webrtc";
import type { GatedSession } from "../session-gate.ts";
import type { WebRtcRole } from "./peer-request.ts";

/** 192 bits: the URL of a session cannot be guessed. */
const ID_BYTES = 24;

/** The HTTP resource of one peer. */
export class WebRtcSession implements GatedSession {
  readonly id = randomBytes(ID_BYTES).toString("base64url");
  readonly kind: WebRtcRole;
  readonly peer: WebRtcPeer;
  readonly broadcast: string;
  /** IP address that the offer came from. */
  readonly remoteAddress: string;
  /** Entity tag of the ICE session (RFC 9725 section 4.3.1), with its quotes. */
  readonly etag: string;
  /** The client's ICE user fragment: another one in a PATCH is an ICE restart. */
  readonly remoteUfrag: string;
  readonly goaway?: (uri: string) => void;

  constructor(
    kind: WebRtcRole,
    parts: {
      readonly peer: WebRtcPeer;
      readonly broadcast: string;
      readonly remoteAddress: string;
      readonly ufrag: string;
      readonly remoteUfrag: string;
      readonly goaway?: ((uri: string) => void) | undefined;
    },
  ) {
    this.kind = kind;
    this.peer = parts.peer;
    this.broadcast = parts.broadcast;
    this.remoteAddress = parts.remoteAddress;
    this.etag = `"${parts.ufrag}"`;
    this.remoteUfrag = parts.remoteUfrag;
    if (parts.goaway !== undefined) this.goaway = parts.goaway;
  }

  get closed(): boolean {
    return this.peer.state === "closed";
  }

  /** WebRTC has no place for a code or a reason: the client sees its connection close. */
  close(): void {
    this.peer.close();
  }
}
