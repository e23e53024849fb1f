import { PlayerError } from "../player-error.ts";
import type { EdgeAddress } from "./edge-url.ts";

/** Nobody waits long for the reason of something that has failed already. */
const ANSWER_TIMEOUT_MS = 2_000;
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;

/**
 * Why a session was not opened. Browsers keep the status of a refused session to themselves, so the node is asked over
 * HTTP whether it lets this token in; if it does, or does not answer, `failure` stands.
 */
export async function explainRefusal(
  edge: EdgeAddress,
  failure: PlayerError,
  deps: { readonly fetch: typeof fetch; readonly signal: AbortSignal },
): Promise<PlayerError> {
  const session = new URL(edge.sessionUrl);
  const url = new URL("/v1/admission", edge.httpUrl);
  url.searchParams.set("path", session.pathname + session.search);
  try {
    const response = await deps.fetch(url, {
      cache: "no-store",
      signal: AbortSignal.any([deps.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
    });
    if (response.status !== UNAUTHORIZED && response.status !== FORBIDDEN) return failure;
    return new PlayerError("unauthorized", `not let in: ${await detailOf(response)}`, failure.cause);
  } catch {
    return failure;
  }
}

/** The sentence in a problem document (RFC 9457). */
async function detailOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  const detail = typeof body === "object" && body !== null && "detail" in body ? body.detail : undefined;
  return typeof detail === "string" ? detail : `HTTP ${response.status}`;
}
