import { WebRtcError } from "../webrtc-error.ts";

/** An offer of a browser with twenty sections has under 40 kB. */
const MAX_SDP_CHARACTERS = 128 * 1_024;
const MAX_LINES = 4_000;
const MAX_SECTIONS = 32;

/** One `m=` section, or the part before the first. */
export interface SdpSection {
  /** Value of `m=`; "" for the session part. */
  readonly head: string;
  /** Values of `a=`, in order. */
  readonly attributes: readonly string[];
}

/** Splits a description into its session part (first) and its media sections. Throws `sdp-malformed`. */
export function splitSections(sdp: string): readonly SdpSection[] {
  if (sdp.length > MAX_SDP_CHARACTERS) throw malformed("the description is too long");
  const lines = sdp.split(/\r\n|\n|\r/, MAX_LINES + 1);
  if (lines.length > MAX_LINES) throw malformed("the description has too many lines");
  if (lines[0] !== "v=0") throw malformed("the description does not begin with v=0");
  const sections: { head: string; attributes: string[] }[] = [{ head: "", attributes: [] }];
  for (const line of lines) {
    if (line === "") continue;
    // RFC 8866 section 5: one lower-case letter, "=", and a value.
    if (!/^[a-z]=/.test(line)) throw malformed("a line is not of the form letter=value");
    const value = line.slice(2).trimEnd();
    if (line.startsWith("m=")) {
      if (sections.length > MAX_SECTIONS) throw malformed("the description has too many media sections");
      sections.push({ head: value, attributes: [] });
    } else if (line.startsWith("a=")) {
      sections[sections.length - 1]?.attributes.push(value);
    }
  }
  return sections;
}

/** Value of the first attribute `name:value`. */
export function attribute(section: SdpSection | undefined, name: string): string | undefined {
  for (const line of section?.attributes ?? []) {
    if (line.startsWith(name) && line[name.length] === ":") return line.slice(name.length + 1).trim();
  }
  return undefined;
}

/** Values of all attributes `name:value`. */
export function attributes(section: SdpSection, name: string): readonly string[] {
  const values: string[] = [];
  for (const line of section.attributes) {
    if (line.startsWith(name) && line[name.length] === ":") values.push(line.slice(name.length + 1).trim());
  }
  return values;
}

export function malformed(message: string): WebRtcError {
  return new WebRtcError("sdp-malformed", message);
}
