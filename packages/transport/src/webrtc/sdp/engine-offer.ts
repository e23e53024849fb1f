import type { AnswerPlan, SdpOffer } from "./session-description.ts";
import { acceptedSections } from "./write-answer.ts";

/** Mids inside the engine; the client's own never get there. */
const MEDIA_MID = "m";
const DATA_MID = "d";

/** What an engine's peer is made of. */
export interface EngineOffer {
  readonly sdp: string;
  /** True: the one native track carries the RTP of all sections. */
  readonly hasMedia: boolean;
  readonly hasData: boolean;
  /** DTLS role of this side. */
  readonly setup: "active" | "passive";
}

/**
 * The description that the native engine is given instead of the client's. It has one media section whatever the offer
 * has: libdatachannel then hands everything that decrypts to one track, so that simulcast layers without `a=ssrc`
 * arrive, too, a peer costs one native track, and no text of a client is parsed by native code. Sections, payload
 * types and sources are told apart in `rtp-demux.ts`.
 */
export function writeEngineOffer(offer: SdpOffer, plan: AnswerPlan): EngineOffer {
  const accepted = acceptedSections(offer, plan);
  const hasMedia = accepted.some(({ kind }) => kind !== "application");
  const data = accepted.find(({ kind }) => kind === "application");
  const remoteSetup = chooseRemoteSetup(offer);
  const transport = [
    "c=IN IP4 0.0.0.0",
    `a=ice-ufrag:${offer.ice.ufrag}`,
    `a=ice-pwd:${offer.ice.password}`,
    `a=fingerprint:${offer.fingerprint.algorithm} ${offer.fingerprint.value}`,
    `a=setup:${remoteSetup}`,
  ];
  const mids = [...(hasMedia ? [MEDIA_MID] : []), ...(data === undefined ? [] : [DATA_MID])];
  const lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", `a=group:BUNDLE ${mids.join(" ")}`];
  if (hasMedia) {
    lines.push(
      "m=video 9 UDP/TLS/RTP/SAVPF 96",
      ...transport,
      `a=mid:${MEDIA_MID}`,
      "a=sendrecv",
      "a=rtcp-mux",
    );
    lines.push("a=rtpmap:96 H264/90000");
  }
  if (data !== undefined) {
    lines.push("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", ...transport, `a=mid:${DATA_MID}`);
    lines.push(`a=sctp-port:${data.sctpPort ?? 5_000}`, "a=max-message-size:65536");
  }
  return {
    sdp: `${lines.join("\r\n")}\r\n`,
    hasMedia,
    hasData: data !== undefined,
    setup: remoteSetup === "active" ? "passive" : "active",
  };
}

/**
 * The DTLS role of the client, where the offer leaves it open. As DTLS server this side picks AES-GCM, which costs up
 * to a fifth less than the AES-CM that browsers choose. But a ClientHello that comes before this side's ICE agent is
 * connected is lost in the engine, and the agent that answers is often the later one. Browsers send it again after
 * 50 ms or two round trips; OpenSSL (OBS, GStreamer) waits for a second, so such a client has to be the server. Among
 * the profiles that both know, libdatachannel as server picks AES-GCM, too.
 */
function chooseRemoteSetup(offer: SdpOffer): "active" | "passive" {
  if (offer.setup !== "actpass") return offer.setup;
  return offer.allowsMixedExtensions ? "active" : "passive";
}
