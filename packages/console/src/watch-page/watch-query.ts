import { sessionUrl } from "../api/network-addresses.ts";
import { PLAYER_ATTRIBUTES } from "./player-contract.ts";

/** How one viewer on the page is set up: attributes of the element, by name. */
export type ViewerAttributes = Readonly<Record<string, string>>;

/**
 * The query of the page is the element's attributes. `jwt` is another name of `token`, `src`, `locate` or `edge` (its
 * number, from 1) choose where to connect; sound is off and controls are on unless the query says otherwise.
 */
export function viewerAttributes(query: URLSearchParams, edges: readonly string[]): ViewerAttributes {
  const attributes: Record<string, string> = {};
  for (const name of PLAYER_ATTRIBUTES) {
    const value = query.get(name);
    // The page's form sends what is left empty, too.
    if (value === null || (isFlag(name) ? isOff(value) : value === "")) continue;
    attributes[name] = value;
  }
  const token = query.get("jwt");
  if (token !== null) attributes.token ??= token;
  attributes.broadcast ??= "live/demo";
  if (!isOff(query.get("muted"))) attributes.muted = "";
  if (!isOff(query.get("controls"))) attributes.controls = "";
  const edge = edges[Math.max(1, Number(query.get("edge") ?? 1) || 1) - 1] ?? edges[0] ?? "";
  const src = query.get("src") ?? (attributes.locate === undefined ? sessionUrl(edge) : undefined);
  if (src !== undefined) attributes.src = src;
  return attributes;
}

function isFlag(name: (typeof PLAYER_ATTRIBUTES)[number]): boolean {
  return name === "sync" || name === "muted" || name === "controls";
}

function isOff(value: string | null): boolean {
  return value === "false" || value === "0";
}
