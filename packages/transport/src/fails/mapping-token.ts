/**
 * Subprotocols of WebTransport over WebSocket as the package names them (draft-richter-webtransport-websocket):
 * `webtransport_kDraft1`, and `webtransport_kDraft1_moq-lite-05` with the protocol inside.
 */
const TOKEN = /^webtransport_(kDraft[12])(?:_(.+))?$/;
const MAX_OFFERED = 128;

export interface MappingToken {
  readonly token: string;
  /** "" if none is named. */
  readonly protocol: string;
}

/** Reads the header `Sec-WebSocket-Protocol`. Tokens of others are left out. */
export function parseMappingOffer(header: string | undefined): MappingToken[] {
  return (header ?? "")
    .split(",", MAX_OFFERED)
    .map((token) => TOKEN.exec(token.trim()))
    .filter((match) => match !== null)
    .map((match) => ({ token: match[0], protocol: match[2] ?? "" }));
}
