/** Longest path with query that is looked at; a token has at most 8,192 characters. */
const MAX_URL_CHARACTERS = 12_000;

/** What the path of a session's URL, or of an HTTP request, says about the one who comes. */
export interface SessionUrl {
  /** Decoded path without slashes at its ends: the root of all names in the session. */
  readonly root: string;
  readonly token: string | undefined;
}

/** `path` is a path with query, such as `/live?jwt=…`, or "". Undefined if it is malformed or too long. */
export function parseSessionUrl(path: string): SessionUrl | undefined {
  if (path.length > MAX_URL_CHARACTERS) return undefined;
  const question = path.indexOf("?");
  const encoded = question < 0 ? path : path.slice(0, question);
  const query = new URLSearchParams(question < 0 ? "" : path.slice(question + 1));
  try {
    const segments = encoded
      .split("/")
      .filter((segment) => segment !== "")
      .map(decodeURIComponent);
    // A slash that was hidden by percent-encoding would make two different roots look alike.
    if (segments.some((segment) => segment.includes("/"))) return undefined;
    return { root: segments.join("/"), token: query.get("jwt") ?? undefined };
  } catch {
    return undefined;
  }
}
