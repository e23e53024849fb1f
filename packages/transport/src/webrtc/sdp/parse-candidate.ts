import { isIP } from "node:net";
import { WebRtcError } from "../webrtc-error.ts";

const MAX_CANDIDATE_CHARACTERS = 512;
/** RFC 8839 section 5.1: foundation, component, transport, priority, address, port, type; what follows is not needed. */
const CANDIDATE =
  /^(?:a=)?(?:candidate:)?([A-Za-z0-9+/]{1,32}) (\d{1,3}) ([A-Za-z]{2,8}) (\d{1,10}) (\S{1,255}) (\d{1,5}) typ ([a-z]{3,8})(?: .*)?$/;
const TYPES: ReadonlySet<string> = new Set(["host", "srflx", "prflx", "relay"]);
const MAX_PRIORITY = 2 ** 32 - 1;

/**
 * A remote candidate in the form that the engine takes, or undefined for one that is of no use here: another
 * component than RTP with RTCP multiplexed, TCP, or a name instead of an address. Names are left out on purpose: to
 * look them up would let any client make this server ask for any name (RFC 8839 section 5.1 allows it), and a browser
 * that hides its address behind mDNS (RFC 8828) is found by the address from which its checks come. Throws
 * `candidate-malformed`.
 */
export function parseCandidate(text: string): string | undefined {
  const match = text.length > MAX_CANDIDATE_CHARACTERS ? null : CANDIDATE.exec(text.trim());
  if (match === null) throw new WebRtcError("candidate-malformed", "a candidate is malformed");
  const [, foundation, component, transport, priority, address, port, type] = match as unknown as string[];
  const portNumber = Number(port);
  if (!TYPES.has(type ?? "") || Number(priority) > MAX_PRIORITY || portNumber > 65_535)
    throw new WebRtcError("candidate-malformed", "a candidate has an unknown type or a number out of range");
  if (component !== "1" || transport?.toLowerCase() !== "udp" || portNumber === 0) return undefined;
  if (address === undefined || isIP(address) === 0) return undefined;
  return `candidate:${foundation} 1 UDP ${priority} ${address} ${portNumber} typ ${type}`;
}
