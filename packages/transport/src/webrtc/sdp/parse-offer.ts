import { checkIcePassword, checkIceUfrag } from "./ice-credentials.ts";
import { parseCandidate } from "./parse-candidate.ts";
import { parseCodecs } from "./parse-codecs.ts";
import { parseExtensions, parseRids, parseSources } from "./parse-streams.ts";
import { attribute, attributes, malformed, type SdpSection, splitSections } from "./sdp-lines.ts";
import type { IceCredentials, MediaDirection, MediaKind, SdpMedia, SdpOffer } from "./session-description.ts";

const MAX_CANDIDATES = 64;
const DIRECTIONS: readonly MediaDirection[] = ["sendrecv", "sendonly", "recvonly", "inactive"];
const MEDIA_PROTOCOLS = /^(UDP|TCP)\/TLS\/RTP\/SAVPF?$/;
const DATA_PROTOCOLS = /^(UDP|TCP)\/DTLS\/SCTP$/;
/** RFC 8841 section 5.2. */
const DEFAULT_SCTP_PORT = 5_000;
/** Bytes of the hash functions that DTLS fingerprints may use here; MD5 and SHA-1 are none (RFC 8122 section 5.1). */
const FINGERPRINT_BYTES: ReadonlyMap<string, number> = new Map([
  ["sha-256", 32],
  ["sha-384", 48],
  ["sha-512", 64],
]);

/** Checks and types an offer as WebRTC clients write it (RFC 8829, RFC 9725 section 4.4). Throws `sdp-malformed`. */
export function parseOffer(sdp: string): SdpOffer {
  const [session, ...sections] = splitSections(sdp);
  const first = sections[0];
  if (session === undefined || first === undefined) throw malformed("the description has no media section");
  const groups = attributes(session, "group").filter((value) => value.startsWith("BUNDLE"));
  const bundle = groups[0]?.split(" ").slice(1) ?? [];
  const media = sections.map((section, index) => parseMedia(section, { index, session, bundle }));
  const mids = new Set(media.map(({ mid }) => mid));
  if (mids.size !== media.length) throw malformed("two media sections have the same mid");
  // Of a bundle the first section's transport counts for all (RFC 9143 section 7.2).
  const tagged = bundle[0];
  const place = tagged === undefined ? 0 : media.findIndex(({ mid }) => mid === tagged);
  const transport = sections[place];
  if (transport === undefined) throw malformed("the bundle group names a mid that is not there");
  return {
    ice: parseIce(transport, session),
    fingerprint: parseFingerprint(transport, session),
    setup: parseSetup(transport, session),
    allowsMixedExtensions: session.attributes.includes("extmap-allow-mixed"),
    media,
    bundle,
    candidates: parseCandidates(sections),
  };
}

interface MediaContext {
  readonly index: number;
  readonly session: SdpSection;
  readonly bundle: readonly string[];
}

function parseMedia(section: SdpSection, context: MediaContext): SdpMedia {
  const { index, session, bundle } = context;
  const [kindText, port, protocol, ...formats] = section.head.split(" ");
  const kind = kindText as MediaKind;
  if (kind !== "audio" && kind !== "video" && kind !== "application")
    throw malformed("a media section is neither audio, video nor application");
  if (port === undefined || protocol === undefined || !/^\d{1,5}(\/\d+)?$/.test(port) || formats.length === 0)
    throw malformed("an m= line is malformed");
  const mid = attribute(section, "mid") ?? String(index);
  if (!/^[A-Za-z0-9_.+-]{1,32}$/.test(mid)) throw malformed("a mid is malformed");
  const carried = kind === "application" ? DATA_PROTOCOLS.test(protocol) : MEDIA_PROTOCOLS.test(protocol);
  const open = port !== "0" || section.attributes.includes("bundle-only");
  // RFC 9143 allows a client not to bundle; here there is one transport, so what is outside is refused.
  const bundled = bundle.length === 0 ? index === 0 : bundle.includes(mid);
  const muxed = kind === "application" || section.attributes.includes("rtcp-mux");
  const direction = DIRECTIONS.find((name) => section.attributes.includes(name));
  return {
    index,
    mid,
    kind,
    direction: direction ?? DIRECTIONS.find((name) => session.attributes.includes(name)) ?? "sendrecv",
    usable: carried && open && bundled && muxed,
    codecs: kind === "application" ? [] : parseCodecs(section, formats),
    extensions: parseExtensions(section),
    ...parseSources(section),
    rids: parseRids(section),
    msid: attribute(section, "msid"),
    sctpPort: kind === "application" ? parseSctpPort(section) : undefined,
    head: { protocol, formats },
  };
}

function parseSctpPort(section: SdpSection): number {
  const text = attribute(section, "sctp-port");
  const value = text === undefined ? DEFAULT_SCTP_PORT : Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw malformed("the SCTP port is malformed");
  return value;
}

function parseIce(transport: SdpSection, session: SdpSection): IceCredentials {
  const ufrag = attribute(transport, "ice-ufrag") ?? attribute(session, "ice-ufrag");
  const password = attribute(transport, "ice-pwd") ?? attribute(session, "ice-pwd");
  if (ufrag === undefined || password === undefined) throw malformed("ICE credentials are missing");
  checkIceUfrag(ufrag);
  checkIcePassword(password);
  return { ufrag, password };
}

function parseFingerprint(transport: SdpSection, session: SdpSection): SdpOffer["fingerprint"] {
  const local = attributes(transport, "fingerprint");
  const values = local.length > 0 ? local : attributes(session, "fingerprint");
  for (const value of values) {
    const match = /^([A-Za-z0-9-]{3,10}) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63})$/.exec(value);
    if (match === null) throw malformed("a fingerprint is malformed");
    const algorithm = (match[1] ?? "").toLowerCase();
    const hash = (match[2] ?? "").toUpperCase();
    const bytes = FINGERPRINT_BYTES.get(algorithm);
    if (bytes === undefined) continue;
    if (hash.length !== bytes * 3 - 1) throw malformed("a fingerprint has the wrong length");
    return { algorithm, value: hash };
  }
  throw malformed("a DTLS fingerprint with SHA-256 or better is missing");
}

function parseSetup(transport: SdpSection, session: SdpSection): SdpOffer["setup"] {
  const value = attribute(transport, "setup") ?? attribute(session, "setup") ?? "actpass";
  if (value !== "actpass" && value !== "active" && value !== "passive")
    throw malformed("the DTLS role of the offer is none of actpass, active, passive");
  return value;
}

function parseCandidates(sections: readonly SdpSection[]): readonly string[] {
  const found = new Set<string>();
  for (const section of sections) {
    for (const value of attributes(section, "candidate")) {
      if (found.size >= MAX_CANDIDATES) return [...found];
      const candidate = parseCandidate(value);
      if (candidate !== undefined) found.add(candidate);
    }
  }
  return [...found];
}
