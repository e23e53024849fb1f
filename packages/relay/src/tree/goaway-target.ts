/** Longest URL of a GOAWAY that is looked at; also a bound on what is kept and logged of it. */
const MAX_URL_CHARACTERS = 2_048;

/** Why a GOAWAY's URL is not followed; then the next parent is this node's own choice. */
export type GoawayRefusal = "malformed" | "not-https" | "credentials" | "loopback";

/** What a GOAWAY says: a place to go on, nothing (own choice), or a place that is not gone to. */
export type GoawayTarget =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "own-choice" }
  | { readonly kind: "refused"; readonly why: GoawayRefusal };

/**
 * Reads the URI of a GOAWAY, which comes from outside: only what could be a node is dialled. A peer elsewhere must
 * not send this node to its own machine either, where services trust whoever comes from loopback; `from` is the URL
 * of the one who says it.
 */
export function readGoawayTarget(uri: string, from: string): GoawayTarget {
  if (uri === "") return { kind: "own-choice" };
  if (uri.length > MAX_URL_CHARACTERS || !URL.canParse(uri)) return refused("malformed");
  const url = new URL(uri);
  if (url.protocol !== "https:") return refused("not-https");
  if (url.username !== "" || url.password !== "") return refused("credentials");
  const isFromLoopback = URL.canParse(from) && isLoopback(new URL(from).hostname);
  if (isLoopback(url.hostname) && !isFromLoopback) return refused("loopback");
  return { kind: "url", url: uri };
}

/** True if both URLs lead to the same node, however they are written. */
export function isSameNode(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).host === new URL(b).host;
}

function refused(why: GoawayRefusal): GoawayTarget {
  return { kind: "refused", why };
}

/** As the URL parser writes them: IPv4 in four decimal parts whatever it was given as, IPv6 compressed. */
function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/\.$/, "");
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    /^0\.0\.0\.0$/.test(host) ||
    host === "[::1]" ||
    host === "[::]" ||
    /^\[::ffff:7f[0-9a-f]{2}:/.test(host)
  );
}
