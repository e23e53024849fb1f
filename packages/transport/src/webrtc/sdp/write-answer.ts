import type { AnswerMedia, AnswerPlan, SdpCodec, SdpMedia, SdpOffer } from "./session-description.ts";

/** This side's transport, as the engine knows it after gathering. */
export interface LocalTransport {
  readonly ufrag: string;
  readonly password: string;
  /** `sha-256 AA:BB:…`. */
  readonly fingerprint: string;
  readonly setup: "active" | "passive";
  /** `candidate:…` lines. */
  readonly candidates: readonly string[];
  readonly maxMessageBytes: number;
  /** A number of up to 19 digits that names the session (RFC 8866 section 5.2). */
  readonly sessionId: string;
}

/** What an answer may send, seen from the offer's direction (RFC 3264 section 6.1). */
const ALLOWED: Readonly<Record<SdpMedia["direction"], readonly AnswerMedia["direction"][]>> = {
  sendrecv: ["sendrecv", "sendonly", "recvonly", "inactive"],
  sendonly: ["recvonly", "inactive"],
  recvonly: ["sendonly", "inactive"],
  inactive: ["inactive"],
};

/** The sections of an offer that are answered, in the offer's order. */
export function acceptedSections(offer: SdpOffer, plan: AnswerPlan): readonly SdpMedia[] {
  return offer.media.filter((section) => isAccepted(section, plan));
}

function isAccepted(section: SdpMedia, plan: AnswerPlan): boolean {
  if (!section.usable) return false;
  if (section.kind === "application") return plan.dataChannels;
  const answer = plan.media.find(({ mid }) => mid === section.mid);
  return (
    answer !== undefined && answer.codecs.length > 0 && ALLOWED[section.direction].includes(answer.direction)
  );
}

/** Every section of the offer is answered in its place (RFC 3264 section 6): with media, or with port 0. */
export function writeAnswer(offer: SdpOffer, plan: AnswerPlan, local: LocalTransport): string {
  const accepted = acceptedSections(offer, plan);
  const lines = [
    "v=0",
    `o=- ${local.sessionId} 1 IN IP4 127.0.0.1`,
    "s=-",
    "t=0 0",
    // An answer groups only what the offer has grouped (RFC 9143 section 7.3).
    ...(offer.bundle.length === 0 ? [] : [`a=group:BUNDLE ${accepted.map(({ mid }) => mid).join(" ")}`]),
    "a=msid-semantic: WMS *",
  ];
  for (const section of offer.media) {
    if (!accepted.includes(section)) refuseSection(lines, section);
    else if (section.kind === "application") answerData(lines, section, local);
    else answerMedia(lines, section, plan, local);
    if (section === accepted[0]) {
      for (const candidate of local.candidates) lines.push(`a=${candidate}`);
      lines.push("a=end-of-candidates");
    }
  }
  return `${lines.join("\r\n")}\r\n`;
}

function refuseSection(lines: string[], section: SdpMedia): void {
  const { protocol, formats } = section.head;
  lines.push(
    `m=${section.kind} 0 ${protocol} ${formats.join(" ")}`,
    "c=IN IP4 0.0.0.0",
    "a=inactive",
    `a=mid:${section.mid}`,
  );
}

function pushTransport(lines: string[], local: LocalTransport): void {
  lines.push(
    `a=ice-ufrag:${local.ufrag}`,
    `a=ice-pwd:${local.password}`,
    "a=ice-options:trickle",
    `a=fingerprint:${local.fingerprint}`,
    `a=setup:${local.setup}`,
  );
}

function answerData(lines: string[], section: SdpMedia, local: LocalTransport): void {
  lines.push(`m=application 9 UDP/DTLS/SCTP webrtc-datachannel`, "c=IN IP4 0.0.0.0");
  pushTransport(lines, local);
  lines.push(`a=mid:${section.mid}`, "a=sctp-port:5000", `a=max-message-size:${local.maxMessageBytes}`);
}

function answerMedia(lines: string[], section: SdpMedia, plan: AnswerPlan, local: LocalTransport): void {
  const answer = plan.media.find(({ mid }) => mid === section.mid);
  if (answer === undefined) return;
  const types = answer.codecs.map(({ payloadType }) => payloadType).join(" ");
  lines.push(`m=${section.kind} 9 UDP/TLS/RTP/SAVPF ${types}`, "c=IN IP4 0.0.0.0");
  if (answer.maxKbps !== undefined) lines.push(`b=AS:${answer.maxKbps}`);
  lines.push("a=rtcp:9 IN IP4 0.0.0.0");
  pushTransport(lines, local);
  lines.push(`a=mid:${section.mid}`, `a=${answer.direction}`, "a=rtcp-mux", "a=rtcp-rsize");
  for (const { id, uri } of answer.extensions ?? []) lines.push(`a=extmap:${id} ${uri}`);
  for (const codec of answer.codecs) pushCodec(lines, codec);
  const { send, rids } = answer;
  if (send?.mediaClockOffset !== undefined) {
    lines.push("a=ts-refclk:ntp=/traceable/", `a=mediaclk:direct=${send.mediaClockOffset}`);
  }
  if (send !== undefined) {
    const track = `${send.streamId} ${section.kind}`;
    lines.push(
      `a=msid:${track}`,
      `a=ssrc:${send.ssrc} cname:${send.cname}`,
      `a=ssrc:${send.ssrc} msid:${track}`,
    );
  }
  if (rids !== undefined && rids.length > 0) {
    for (const rid of rids) lines.push(`a=rid:${rid} recv`);
    lines.push(`a=simulcast:recv ${rids.join(";")}`);
  }
}

function pushCodec(lines: string[], codec: SdpCodec): void {
  const { payloadType, name, clockRate, channels, parameters, feedback } = codec;
  // Names are compared without case (RFC 4855 section 3); these two are written as everybody writes them.
  const written =
    name === "opus" || name === "rtx" || name === "red" || name === "ulpfec" ? name : name.toUpperCase();
  lines.push(`a=rtpmap:${payloadType} ${written}/${clockRate}${channels > 1 ? `/${channels}` : ""}`);
  if (parameters.size > 0) {
    const text = [...parameters].map(([key, value]) => (key === "" ? value : `${key}=${value}`)).join(";");
    lines.push(`a=fmtp:${payloadType} ${text}`);
  }
  for (const value of feedback) lines.push(`a=rtcp-fb:${payloadType} ${value}`);
}
