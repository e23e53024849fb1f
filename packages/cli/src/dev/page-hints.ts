import type { DevInfo } from "./console-server.ts";

/** Element whose text is the answer of `GET /v1/dev`: pages that have it need not ask. */
const NETWORK_ID = "canopy-network";

/**
 * A page with what saves its script round trips in its head: where the nodes are and, for the page that plays, an
 * early request for the certificate hash of the edge that it will dial. `query` is the page's own.
 */
export function addPageHints(html: string, url: string, query: URLSearchParams, info: DevInfo): string {
  // "<" could end the script element; JSON reads the escape as the same character.
  const json = JSON.stringify(info).replaceAll("<", "\\u003c");
  let hints = `<script type="application/json" id="${NETWORK_ID}">${json}</script>`;
  const hashUrl = url === "/watch" ? certificateUrl(query, info.edges) : undefined;
  if (hashUrl !== undefined) hints += `<link rel="preload" as="fetch" crossorigin href="${hashUrl}">`;
  return html.replace("</head>", () => `${hints}</head>`);
}

/** Where the player of the watch page will ask, if that is a development edge on loopback. */
function certificateUrl(query: URLSearchParams, edges: readonly string[]): string | undefined {
  const src = query.get("src")?.split(",")[0]?.trim() ?? edges[Number(query.get("edge") ?? 1) - 1];
  if (src === undefined || !URL.canParse(src)) return undefined;
  const { protocol, hostname, host } = new URL(src);
  const isLoopback = hostname === "localhost" || hostname.startsWith("127.");
  return isLoopback && /^https?:$/.test(protocol) ? `http://${host}/certificate.sha256` : undefined;
}
