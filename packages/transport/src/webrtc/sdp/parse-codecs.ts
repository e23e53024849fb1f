import { attributes, malformed, type SdpSection } from "./sdp-lines.ts";
import type { SdpCodec } from "./session-description.ts";

const MAX_CODECS = 96;
const MAX_PARAMETERS = 32;
const MAX_FEEDBACK = 32;

/** Payload types that need no `a=rtpmap` (RFC 3551 section 6); browsers still offer the two G.711 ones. */
const STATIC_TYPES: ReadonlyMap<number, readonly [string, number]> = new Map([
  [0, ["pcmu", 8_000]],
  [8, ["pcma", 8_000]],
  [9, ["g722", 8_000]],
]);

/** The codecs of a media section in order of preference. Throws `sdp-malformed`. */
export function parseCodecs(section: SdpSection, formats: readonly string[]): readonly SdpCodec[] {
  if (formats.length > MAX_CODECS) throw malformed("a media section has too many payload types");
  const maps = parseRtpMaps(section);
  const parameters = parseFormatParameters(section);
  const feedback = parseFeedback(section);
  const codecs: SdpCodec[] = [];
  for (const format of formats) {
    const payloadType = parsePayloadType(format);
    const map = maps.get(payloadType);
    const fixed = STATIC_TYPES.get(payloadType);
    if (map === undefined && fixed === undefined) continue;
    codecs.push({
      payloadType,
      name: map?.name ?? fixed?.[0] ?? "",
      clockRate: map?.clockRate ?? fixed?.[1] ?? 0,
      channels: map?.channels ?? 1,
      parameters: parameters.get(payloadType) ?? new Map(),
      feedback: [...(feedback.get(ALL) ?? []), ...(feedback.get(payloadType) ?? [])],
    });
  }
  return codecs;
}

/** Stands for `a=rtcp-fb:*`. */
const ALL = -1;

function parsePayloadType(text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 128;
  if (value > 127) throw malformed("a payload type is not a number from 0 to 127");
  return value;
}

interface RtpMap {
  readonly name: string;
  readonly clockRate: number;
  readonly channels: number;
}

function parseRtpMaps(section: SdpSection): ReadonlyMap<number, RtpMap> {
  const maps = new Map<number, RtpMap>();
  for (const value of attributes(section, "rtpmap")) {
    // RFC 8866 section 6.6.
    const match = /^(\d{1,3}) ([A-Za-z0-9._+-]{1,32})\/(\d{1,9})(?:\/(\d{1,2}))?$/.exec(value);
    if (match === null) throw malformed("an rtpmap is malformed");
    maps.set(parsePayloadType(match[1] ?? ""), {
      name: (match[2] ?? "").toLowerCase(),
      clockRate: Number(match[3]),
      channels: match[4] === undefined ? 1 : Number(match[4]),
    });
  }
  return maps;
}

function parseFormatParameters(section: SdpSection): ReadonlyMap<number, ReadonlyMap<string, string>> {
  const all = new Map<number, ReadonlyMap<string, string>>();
  for (const value of attributes(section, "fmtp")) {
    const space = value.indexOf(" ");
    if (space < 0) throw malformed("an fmtp is malformed");
    const parameters = new Map<string, string>();
    for (const part of value.slice(space + 1).split(";", MAX_PARAMETERS)) {
      const text = part.trim();
      if (text === "") continue;
      const equals = text.indexOf("=");
      if (equals < 0) parameters.set("", text);
      else parameters.set(text.slice(0, equals).trim().toLowerCase(), text.slice(equals + 1).trim());
    }
    all.set(parsePayloadType(value.slice(0, space)), parameters);
  }
  return all;
}

function parseFeedback(section: SdpSection): ReadonlyMap<number, readonly string[]> {
  const all = new Map<number, string[]>();
  for (const value of attributes(section, "rtcp-fb")) {
    const space = value.indexOf(" ");
    if (space < 0) throw malformed("an rtcp-fb is malformed");
    const target = value.slice(0, space);
    const key = target === "*" ? ALL : parsePayloadType(target);
    const list = all.get(key) ?? [];
    if (list.length < MAX_FEEDBACK) list.push(value.slice(space + 1).trim());
    all.set(key, list);
  }
  return all;
}
