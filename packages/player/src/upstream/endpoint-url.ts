import { resolveEdge } from "./edge-url.ts";

/** Where a broadcast is at a node's HTTP endpoints, and where GET /v1/time is. */
export interface EndpointAddress {
  readonly endpoint: string;
  readonly timeBaseUrl: string;
  readonly token: string | undefined;
}

/**
 * `<node>/<role>/<broadcast>`. The path of `src` stands in front of the broadcast, as everywhere, and a token in its
 * query is told apart: whoever can send it in a header does, where no log shows it.
 */
export async function resolveEndpoint(
  role: "whep" | "whip" | "hls",
  request: { readonly src: string; readonly broadcast: string; readonly token: string | undefined },
  deps: { readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<EndpointAddress> {
  const url = new URL(request.src);
  // Only https on loopback may stand for a development node, which answers plain HTTP.
  const httpUrl =
    url.protocol === "http:"
      ? new URL("/", url).href
      : (await resolveEdge(request.src, undefined, deps)).httpUrl;
  const path = `${url.pathname}/${request.broadcast}`.split("/").filter((part) => part !== "");
  const encoded = path.map((part) => encodeURIComponent(safeDecode(part))).join("/");
  return {
    endpoint: new URL(`/${role}/${encoded}`, httpUrl).href,
    timeBaseUrl: httpUrl,
    token: request.token ?? url.searchParams.get("jwt") ?? undefined,
  };
}

function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
