/** Longest URL of an edge that is looked at. */
const MAX_URL_CHARACTERS = 2_048;

/**
 * The edge that another one sends its viewers to, or undefined if that is no place to go. It comes from outside: it
 * must be as safe a way as that to `src`, the edge in use, which may be a development edge over plain HTTP.
 */
export function readMove(to: string, src: string): string | undefined {
  if (to.length > MAX_URL_CHARACTERS || !URL.canParse(to, src)) return undefined;
  const url = new URL(to, src);
  // A node that names another one need not know by which path it was reached itself.
  if (url.pathname === "/" && url.search === "") url.pathname = new URL(src).pathname;
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && src.startsWith("http:"));
  if (!isSafe || url.username !== "" || url.password !== "") return undefined;
  return url.href;
}
