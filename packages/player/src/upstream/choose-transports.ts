import type { TransportName, UpstreamFactory } from "./upstream.ts";

const ALL: readonly TransportName[] = ["webtransport", "websocket", "whep", "hls"];

/** WebKit's WebTransport stops delivering after some 7,600 streams (its bug 319818), so it comes last there. */
const WEBKIT_ORDER: readonly TransportName[] = ["whep", "hls", "websocket"];

export interface TransportChoice {
  /** Best first. */
  readonly factories: readonly UpstreamFactory[];
  /** Names in the wish that do not exist. */
  readonly unknown: readonly string[];
  /** Why wanted transports cannot be used here, for the error message. */
  readonly reasons: readonly string[];
  /** Of these, why the better ones than the first of `factories` cannot be used. */
  readonly passedOver: readonly string[];
}

/** True for Safari and for every browser on iOS. */
export function isWebKit(userAgent: string): boolean {
  return /AppleWebKit/.test(userAgent) && !/Chrom(e|ium)|Edg\//.test(userAgent);
}

/** Which transports to try, from the attribute `transports` (undefined or empty = the browser's best order). */
export function chooseTransports(
  wish: string | undefined,
  registered: readonly UpstreamFactory[],
  userAgent: string,
): TransportChoice {
  const names = (wish ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  const unknown = names.filter((name) => !ALL.some((known) => known === name));
  const valid = names.filter((name) => !unknown.includes(name));
  const order = valid.length > 0 ? valid : isWebKit(userAgent) ? WEBKIT_ORDER : ALL;
  const factories: UpstreamFactory[] = [];
  const reasons: string[] = [];
  const passedOver: string[] = [];
  for (const name of order) {
    const factory = registered.find((candidate) => candidate.transport === name);
    const reason = factory === undefined ? "not part of this player" : factory.unsupportedReason();
    if (factory !== undefined && reason === undefined) factories.push(factory);
    else {
      reasons.push(`${name}: ${reason}`);
      if (factories.length === 0) passedOver.push(`${name}: ${reason}`);
    }
  }
  return { factories, unknown, reasons, passedOver };
}
