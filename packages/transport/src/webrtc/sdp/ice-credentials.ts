import { malformed } from "./sdp-lines.ts";

/** RFC 8839 section 5.4: 4 to 256 ice-chars. Throws `sdp-malformed`. */
export function checkIceUfrag(ufrag: string): void {
  if (!/^[A-Za-z0-9+/]{4,256}$/.test(ufrag)) throw malformed("the ICE user fragment is malformed");
}

/** RFC 8839 section 5.4: 22 to 256 ice-chars. Throws `sdp-malformed`. */
export function checkIcePassword(password: string): void {
  if (!/^[A-Za-z0-9+/]{22,256}$/.test(password)) throw malformed("the ICE password is malformed");
}
