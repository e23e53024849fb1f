import { attribute, attributes, malformed, type SdpSection } from "./sdp-lines.ts";
import type { SdpHeaderExtension, SdpRid } from "./session-description.ts";

const MAX_SSRCS = 32;
const MAX_EXTENSIONS = 32;
const MAX_RIDS = 8;
/** RFC 8285 section 4.2: 15 is reserved, 0 is padding. */
const MAX_ONE_BYTE_ID = 14;

export function parseExtensions(section: SdpSection): readonly SdpHeaderExtension[] {
  const extensions: SdpHeaderExtension[] = [];
  for (const value of attributes(section, "extmap")) {
    // RFC 8285 section 8: id, optional direction, URI, optional attributes.
    const match = /^(\d{1,5})(?:\/[a-z]+)? (\S{1,200})(?: .*)?$/.exec(value);
    if (match === null) throw malformed("an extmap is malformed");
    const id = Number(match[1]);
    if (id < 1 || id > MAX_ONE_BYTE_ID || extensions.length >= MAX_EXTENSIONS) continue;
    extensions.push({ id, uri: match[2] ?? "" });
  }
  return extensions;
}

export interface SdpSources {
  readonly ssrcs: readonly number[];
  readonly rtxSsrcs: ReadonlyMap<number, number>;
}

/** RFC 5576: the sources of a section, those of retransmission (FID) and FEC apart. */
export function parseSources(section: SdpSection): SdpSources {
  const ssrcs = new Set<number>();
  for (const value of attributes(section, "ssrc")) {
    const ssrc = parseSsrc(value.split(" ", 1)[0]);
    if (ssrcs.size < MAX_SSRCS) ssrcs.add(ssrc);
  }
  const rtxSsrcs = new Map<number, number>();
  for (const value of attributes(section, "ssrc-group")) {
    const [semantics, ...members] = value.split(" ", MAX_SSRCS);
    const [first, ...others] = members.map(parseSsrc);
    if (first === undefined) throw malformed("an ssrc-group is empty");
    if (semantics !== "FID" && !semantics?.startsWith("FEC")) continue;
    for (const other of others) {
      ssrcs.delete(other);
      if (semantics === "FID" && rtxSsrcs.size < MAX_SSRCS) rtxSsrcs.set(other, first);
    }
  }
  return { ssrcs: [...ssrcs], rtxSsrcs };
}

function parseSsrc(text: string | undefined): number {
  const value = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 0xffff_ffff)) throw malformed("an SSRC is not a number of 32 bits");
  return value;
}

/** RFC 8851 and RFC 8853; of alternatives (`a,b`) the first, a paused layer (`~a`) like any other. */
export function parseRids(section: SdpSection): readonly SdpRid[] {
  const rids: SdpRid[] = [];
  for (const value of attributes(section, "rid")) {
    const match = /^([A-Za-z0-9_-]{1,32}) (send|recv)(?: .*)?$/.exec(value);
    if (match === null) throw malformed("a rid is malformed");
    if (rids.length < MAX_RIDS) rids.push({ id: match[1] ?? "", direction: match[2] as SdpRid["direction"] });
  }
  const order = /(?:^| )send (\S+)/.exec(attribute(section, "simulcast") ?? "")?.[1];
  if (order === undefined) return rids;
  const places = order.split(";").map((layer) => layer.split(",")[0]?.replace("~", ""));
  return rids
    .filter(({ id }) => places.includes(id))
    .sort((left, right) => places.indexOf(left.id) - places.indexOf(right.id));
}
