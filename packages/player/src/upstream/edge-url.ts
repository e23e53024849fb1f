import { PlayerError } from "../player-error.ts";

/** How long an edge may take to give its certificate's hash. */
const HASH_TIMEOUT_MS = 4_000;

const SHA256_BYTES = 32;

/** Where and how to reach one edge. */
export interface EdgeAddress {
  /** `https:` URL of the session, with the token in its query. */
  readonly sessionUrl: string;
  /** Base of the edge's HTTP endpoints (/v1/time, /whep/…, /hls/…). */
  readonly httpUrl: string;
  /** Hash of a development certificate to trust, if it has one. */
  readonly certificateHash: Uint8Array<ArrayBuffer> | undefined;
}

/** Splits the attribute `src` or `locate`: one node, or several separated by commas. Throws `PlayerError` "configuration". */
export function parseSources(src: string, attribute = "src"): string[] {
  const sources = src
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (sources.length === 0) throw new PlayerError("configuration", `${attribute} is empty`);
  for (const source of sources) {
    const url = URL.canParse(source) ? new URL(source) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new PlayerError("configuration", `${attribute} is not an http or https URL: ${source}`);
    }
  }
  return sources;
}

/**
 * Looks up how to dial an edge. Plain `http:` means a development certificate, whose hash the edge tells; so does
 * `https:` on loopback if the edge answers over plain HTTP.
 */
export async function resolveEdge(
  src: string,
  token: string | undefined,
  deps: { readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<EdgeAddress> {
  const url = new URL(src);
  const session = new URL(src);
  session.protocol = "https:";
  if (url.port === "" && url.protocol === "http:") session.port = "80";
  if (token !== undefined) session.searchParams.set("jwt", token);
  const plain = new URL(src);
  plain.protocol = "http:";
  plain.pathname = "/";
  plain.search = "";
  if (url.protocol === "http:") {
    const certificateHash = await fetchHash(plain, deps);
    return { sessionUrl: session.href, httpUrl: plain.href, certificateHash };
  }
  if (isLoopback(url.hostname)) {
    try {
      const certificateHash = await fetchHash(plain, deps);
      return { sessionUrl: session.href, httpUrl: plain.href, certificateHash };
    } catch {
      // An edge with a real certificate answers no plain HTTP.
    }
  }
  return { sessionUrl: session.href, httpUrl: new URL("/", url).href, certificateHash: undefined };
}

/**
 * Looks up how to reach an edge over HTTP and WebSocket alone: as `resolveEdge`, but without asking for a hash that
 * only WebTransport needs.
 */
export async function resolveHttpEdge(
  src: string,
  token: string | undefined,
  deps: { readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<EdgeAddress> {
  const url = new URL(src);
  if (url.protocol === "https:" && isLoopback(url.hostname)) return resolveEdge(src, token, deps);
  const session = new URL(src);
  if (token !== undefined) session.searchParams.set("jwt", token);
  return { sessionUrl: session.href, httpUrl: new URL("/", url).href, certificateHash: undefined };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\./.test(hostname);
}

async function fetchHash(
  base: URL,
  deps: { readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<Uint8Array<ArrayBuffer>> {
  let text: string;
  try {
    const response = await deps.fetch(new URL("/certificate.sha256", base), {
      cache: "no-store",
      signal: AbortSignal.any([deps.signal, AbortSignal.timeout(HASH_TIMEOUT_MS)]),
    });
    if (!response.ok) throw new PlayerError("unreachable", `certificate hash: HTTP ${response.status}`);
    text = (await response.text()).trim();
  } catch (cause) {
    throw PlayerError.of(cause, "unreachable", `${base.host} does not answer`);
  }
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new PlayerError("unreachable", "certificate hash is not 64 hex digits");
  }
  const hash = new Uint8Array(SHA256_BYTES);
  for (let index = 0; index < SHA256_BYTES; index += 1) {
    hash[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }
  return hash;
}
