import type { SdpMedia } from "./sdp/session-description.ts";
import type { WebRtcDropReason } from "./webrtc-peer.ts";

/** RFC 9143 section 15.1: the header extension that names the section. */
const MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid";
/** RFC 3550 section 5.1. */
const RTP_HEADER_BYTES = 12;
const RTCP_HEADER_BYTES = 8;
/** RFC 8285 section 4.1.2: profile of one-byte header extensions. */
const ONE_BYTE_PROFILE = 0xbede;

/** Where a packet belongs: a section's mid, RTCP, or why it is dropped. */
export type DemuxResult =
  | { readonly kind: "rtp"; readonly mid: string }
  | { readonly kind: "rtcp" }
  | { readonly kind: "drop"; readonly reason: WebRtcDropReason };

const RTCP: DemuxResult = { kind: "rtcp" };
const MALFORMED: DemuxResult = { kind: "drop", reason: "malformed" };
const UNKNOWN: DemuxResult = { kind: "drop", reason: "unknown-stream" };
const TOO_MANY: DemuxResult = { kind: "drop", reason: "ssrcs" };

/** Finds the media section of a packet (RFC 9143 section 9.2): by SSRC, else MID extension, else payload type. */
export class RtpDemux {
  readonly #bySsrc = new Map<number, DemuxResult>();
  readonly #byMid = new Map<string, DemuxResult>();
  readonly #byPayloadType = new Map<number, DemuxResult>();
  readonly #maxSsrcs: number;
  #midExtension = 0;

  constructor(sections: readonly SdpMedia[], maxSsrcs: number) {
    this.#maxSsrcs = maxSsrcs;
    const shared = new Set<number>();
    for (const section of sections) {
      if (section.kind === "application") continue;
      const result: DemuxResult = { kind: "rtp", mid: section.mid };
      this.#byMid.set(section.mid, result);
      for (const ssrc of section.ssrcs) this.#remember(ssrc, result);
      for (const ssrc of section.rtxSsrcs.keys()) this.#remember(ssrc, result);
      for (const { payloadType } of section.codecs) {
        if (this.#byPayloadType.has(payloadType)) shared.add(payloadType);
        this.#byPayloadType.set(payloadType, result);
      }
      for (const { id, uri } of section.extensions) if (uri === MID_URI) this.#midExtension = id;
    }
    for (const payloadType of shared) this.#byPayloadType.delete(payloadType);
  }

  /** Hot path: no allocation once a stream is known. */
  find(packet: Uint8Array): DemuxResult {
    const first = packet[0] ?? 0;
    const second = packet[1] ?? 0;
    if (packet.byteLength < RTCP_HEADER_BYTES || first >> 6 !== 2) return MALFORMED;
    // RFC 5761 section 4: payload types 64 to 95 with the marker bit are RTCP's 192 to 223.
    if (second >= 192 && second <= 223) return RTCP;
    if (packet.byteLength < RTP_HEADER_BYTES) return MALFORMED;
    const ssrc =
      (((packet[8] ?? 0) << 24) | ((packet[9] ?? 0) << 16) | ((packet[10] ?? 0) << 8) | (packet[11] ?? 0)) >>>
      0;
    return this.#bySsrc.get(ssrc) ?? this.#learn(packet, ssrc);
  }

  #learn(packet: Uint8Array, ssrc: number): DemuxResult {
    const mid = this.#midExtension === 0 ? undefined : readExtension(packet, this.#midExtension);
    const result =
      (mid === undefined ? undefined : this.#byMid.get(mid)) ??
      this.#byPayloadType.get((packet[1] ?? 0) & 0x7f);
    if (result === undefined) return UNKNOWN;
    return this.#remember(ssrc, result) ? result : TOO_MANY;
  }

  #remember(ssrc: number, result: DemuxResult): boolean {
    if (this.#bySsrc.size >= this.#maxSsrcs) return false;
    this.#bySsrc.set(ssrc, result);
    return true;
  }
}

/** Text of a one-byte header extension; undefined if it is not there or cut off. */
function readExtension(packet: Uint8Array, wanted: number): string | undefined {
  if (((packet[0] ?? 0) & 0x10) === 0) return undefined;
  let at = RTP_HEADER_BYTES + ((packet[0] ?? 0) & 0x0f) * 4;
  if (at + 4 > packet.byteLength) return undefined;
  if ((((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0)) !== ONE_BYTE_PROFILE) return undefined;
  const end = Math.min(
    packet.byteLength,
    at + 4 + (((packet[at + 2] ?? 0) << 8) | (packet[at + 3] ?? 0)) * 4,
  );
  at += 4;
  while (at < end) {
    const head = packet[at] ?? 0;
    const id = head >> 4;
    // RFC 8285 section 4.2: id 0 is one byte of padding, id 15 ends the extensions.
    if (id === 0) {
      at += 1;
      continue;
    }
    if (id === 15) return undefined;
    const length = (head & 0x0f) + 1;
    if (at + 1 + length > end) return undefined;
    if (id === wanted) return String.fromCharCode(...packet.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return undefined;
}
