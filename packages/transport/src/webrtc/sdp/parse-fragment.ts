import { checkIcePassword, checkIceUfrag } from "./ice-credentials.ts";
import { attribute, attributes, malformed, splitSections } from "./sdp-lines.ts";

const MAX_CANDIDATES = 64;

/** Body of a PATCH with `application/trickle-ice-sdpfrag` (RFC 8840 section 9). */
export interface IceFragment {
  /** Of the sender's ICE generation; undefined if the fragment does not name it. */
  readonly ufrag: string | undefined;
  readonly password: string | undefined;
  /** Unchecked values of `a=candidate`. */
  readonly candidates: readonly string[];
  readonly endOfCandidates: boolean;
}

/** Throws `sdp-malformed`. */
export function parseFragment(text: string): IceFragment {
  // A fragment has no v= line; apart from that it is made of the same lines.
  const [session, ...media] = splitSections(`v=0\r\n${text}`);
  if (session === undefined) throw malformed("the fragment is empty");
  const sections = [session, ...media];
  const ufrag = firstOf(sections, "ice-ufrag");
  const password = firstOf(sections, "ice-pwd");
  const candidates = sections.flatMap((section) => attributes(section, "candidate"));
  if (candidates.length > MAX_CANDIDATES) throw malformed("the fragment has too many candidates");
  if (ufrag !== undefined) checkIceUfrag(ufrag);
  if (password !== undefined) checkIcePassword(password);
  const endOfCandidates = sections.some((section) => section.attributes.includes("end-of-candidates"));
  if (ufrag === undefined && candidates.length === 0 && !endOfCandidates)
    throw malformed("the fragment holds neither ICE credentials nor candidates");
  return { ufrag, password, candidates, endOfCandidates };
}

function firstOf(sections: ReturnType<typeof splitSections>, name: string): string | undefined {
  for (const section of sections) {
    const value = attribute(section, name);
    if (value !== undefined) return value;
  }
  return undefined;
}
