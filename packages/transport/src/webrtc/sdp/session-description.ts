/**
 * What of an SDP offer (RFC 8866, RFC 8829) matters to a server that answers it, checked and typed. Nothing of the
 * offer's text reaches native code: the engine writes a description of its own from these values.
 */

export type MediaKind = "audio" | "video" | "application";

/** As the one who wrote the description sees it: a WHEP offer is `recvonly`, its answer `sendonly`. */
export type MediaDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** One payload type of a media section: `a=rtpmap`, `a=fmtp`, `a=rtcp-fb`. */
export interface SdpCodec {
  readonly payloadType: number;
  /** Encoding name in lower case: `h264`, `opus`, `red`, `rtx`, `ulpfec`. */
  readonly name: string;
  readonly clockRate: number;
  /** 1 unless the rtpmap says otherwise; Opus always says 2. */
  readonly channels: number;
  /** Parameters of `a=fmtp` by name in lower case; what has no name (RED's `111/111`) is under "". */
  readonly parameters: ReadonlyMap<string, string>;
  /** `a=rtcp-fb` values such as `nack`, `nack pli`, `goog-remb`, with those that stand for all payload types. */
  readonly feedback: readonly string[];
}

/** `a=extmap` (RFC 8285); ids are 1 to 14, the one-byte form. */
export interface SdpHeaderExtension {
  readonly id: number;
  readonly uri: string;
}

/** `a=rid` (RFC 8851). */
export interface SdpRid {
  readonly id: string;
  readonly direction: "send" | "recv";
}

export interface SdpMedia {
  /** Place among the media sections, from 0. */
  readonly index: number;
  readonly mid: string;
  readonly kind: MediaKind;
  readonly direction: MediaDirection;
  /** False: port 0 without `bundle-only`, or not in the bundle group. Such a section is always answered with port 0. */
  readonly usable: boolean;
  /** In order of preference; empty for `application`. */
  readonly codecs: readonly SdpCodec[];
  readonly extensions: readonly SdpHeaderExtension[];
  /** From `a=ssrc`, in order; without those of retransmission and FEC streams. */
  readonly ssrcs: readonly number[];
  /** Retransmission SSRC to media SSRC, from `a=ssrc-group:FID`. */
  readonly rtxSsrcs: ReadonlyMap<number, number>;
  /** Simulcast layers that the other side names by RID, in the order of `a=simulcast` or else of `a=rid`. */
  readonly rids: readonly SdpRid[];
  /** `a=msid`'s stream and track ids, if any. */
  readonly msid: string | undefined;
  /** Of an `application` section. */
  readonly sctpPort: number | undefined;
  /** Protocol and formats of the `m=` line, repeated by an answer that refuses the section. */
  readonly head: { readonly protocol: string; readonly formats: readonly string[] };
}

export interface IceCredentials {
  readonly ufrag: string;
  readonly password: string;
}

export interface SdpOffer {
  readonly ice: IceCredentials;
  /** Of the DTLS certificate: algorithm in lower case, such as `sha-256`, and colon-separated upper-case hex. */
  readonly fingerprint: { readonly algorithm: string; readonly value: string };
  readonly setup: "actpass" | "active" | "passive";
  /** `a=extmap-allow-mixed` (RFC 8285 section 6): browsers write it, and few others. */
  readonly allowsMixedExtensions: boolean;
  readonly media: readonly SdpMedia[];
  /** Mids of the bundle group, in order; without a group only the first section is usable. */
  readonly bundle: readonly string[];
  /** Candidates that came with the offer; literal addresses only, others are left out (RFC 8828's mDNS names). */
  readonly candidates: readonly string[];
}

/** What a media section of an answer says beyond what the engine knows. Sections that are not named are rejected. */
export interface AnswerMedia {
  readonly mid: string;
  readonly direction: MediaDirection;
  /** With the payload types of the offer (RFC 3264 section 6.1). At least one. */
  readonly codecs: readonly SdpCodec[];
  /** With the ids of the offer. */
  readonly extensions?: readonly SdpHeaderExtension[];
  /** What is sent in this section. */
  readonly send?: {
    readonly ssrc: number;
    readonly cname: string;
    readonly streamId: string;
    /** RTP timestamp at the NTP epoch, if timestamps are wall-clock time (RFC 7273 section 5.2). */
    readonly mediaClockOffset?: number;
  };
  /** Simulcast layers that are received. */
  readonly rids?: readonly string[];
  /** `b=AS`, kilobits per second. */
  readonly maxKbps?: number;
}

export interface AnswerPlan {
  readonly media: readonly AnswerMedia[];
  /** Answer the offer's `application` section, if it has one. */
  readonly dataChannels: boolean;
}
