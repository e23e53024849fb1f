/** The version of QMux, and with it how records are made of frames. */
export type QmuxVersion = 0 | 1 | 2;

/** Best first. They differ in how frames share messages (00: one each) and in optional frames only. */
const VERSIONS: readonly QmuxVersion[] = [2, 1, 0];

/** A WebSocket subprotocol: `qmux-01.moq-lite-05`, or `qmux-01` when the protocol inside is agreed by SETUP. */
export interface Subprotocol {
  readonly token: string;
  readonly version: QmuxVersion;
  /** "" if none is agreed. */
  readonly protocol: string;
}

/** Longest list of subprotocols that is looked at. */
const MAX_OFFERED = 128;

/** What a client offers for these protocols, best first. */
export function offerSubprotocols(protocols: readonly string[]): string[] {
  return [
    ...protocols.flatMap((protocol) => VERSIONS.map((version) => `qmux-0${version}.${protocol}`)),
    ...VERSIONS.map((version) => `qmux-0${version}`),
  ];
}

/** Undefined if it is none of QMux's. */
export function parseSubprotocol(token: string): Subprotocol | undefined {
  const match = /^qmux-0([012])(?:\.(.+))?$/.exec(token);
  if (match === null) return undefined;
  return { token, version: Number(match[1]) as QmuxVersion, protocol: match[2] ?? "" };
}

/** Reads the header `Sec-WebSocket-Protocol` of a request. Tokens of others are left out. */
export function parseOffer(header: string | undefined): Subprotocol[] {
  const tokens = (header ?? "").split(",", MAX_OFFERED).map((token) => token.trim());
  return tokens.map(parseSubprotocol).filter((offered) => offered !== undefined);
}

/** The protocols inside that a client offers, in its order; empty if it leaves that to SETUP. */
export function offeredProtocols(offer: readonly Subprotocol[], known: readonly string[]): string[] {
  const all = [...new Set(offer.map(({ protocol }) => protocol))].filter((protocol) => protocol !== "");
  const isBare = offer.some(({ protocol }) => protocol === "");
  return isBare ? all.filter((protocol) => known.includes(protocol)) : all;
}

/** The token to answer for the protocol that was chosen ("" = none): the newest version that was offered with it. */
export function chooseSubprotocol(offer: readonly Subprotocol[], protocol: string): Subprotocol | undefined {
  return VERSIONS.map((version) =>
    offer.find((offered) => offered.protocol === protocol && offered.version === version),
  ).find((offered) => offered !== undefined);
}
