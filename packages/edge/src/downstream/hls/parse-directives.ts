import { ProblemError } from "@canopy/runtime";

/** What a player asks of a playlist (draft-pantos-hls-rfc8216bis §6.2.5). */
export interface DeliveryDirectives {
  /** `_HLS_msn`, `_HLS_part`: answer once the playlist has it. */
  readonly position: { readonly sequence: number; readonly part: number | undefined } | undefined;
  /** `_HLS_skip`: a delta update is welcome. */
  readonly skips: boolean;
}

export interface PlaylistQuery {
  readonly _HLS_msn?: unknown;
  readonly _HLS_part?: unknown;
  readonly _HLS_skip?: unknown;
}

/** @throws ProblemError 400 */
export function parseDirectives(query: PlaylistQuery): DeliveryDirectives {
  const sequence = integer(query._HLS_msn, "_HLS_msn");
  const part = integer(query._HLS_part, "_HLS_part");
  if (part !== undefined && sequence === undefined)
    throw new ProblemError(400, "Bad Request", "_HLS_part needs _HLS_msn.");
  const skips = query._HLS_skip === "YES" || query._HLS_skip === "v2";
  return { position: sequence === undefined ? undefined : { sequence, part }, skips };
}

/** Decimal digits; anything that a sequence number cannot be is an error of the player. */
function integer(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && /^\d{1,15}$/.test(value)) return Number(value);
  throw new ProblemError(400, "Bad Request", `${name} must be one decimal integer.`);
}
