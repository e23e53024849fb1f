import { PlayerError } from "../player-error.ts";
import { parseIceServers } from "./link-ice-servers.ts";
import { SDP_FRAGMENT_TYPE } from "./sdp-fragment.ts";

/** An answer to the offer takes a server milliseconds; one that takes longer than this is lost. */
const POST_TIMEOUT_MS = 4_000;

const PATCH_TIMEOUT_MS = 3_000;

/** Answers of real servers have some kilobytes. */
const MAX_BODY_CHARACTERS = 256 * 1024;

/** A WHIP or WHEP endpoint that does not make a session of our offer. */
export interface Refusal {
  readonly kind: "refused";
  readonly status: number;
  /** What the server's problem document (RFC 9457) says, or else its status. */
  readonly text: string;
  /** Last segment of the problem's type. */
  readonly problem: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** The session's resource at the server (RFC 9725 §4.2). */
export interface CreatedResource {
  readonly kind: "created";
  readonly answer: string;
  /** Undefined if the server named none that this page can read: then nothing can be patched or deleted. */
  readonly url: string | undefined;
  readonly etag: string | undefined;
  readonly iceServers: readonly RTCIceServer[];
}

export interface HttpResourceDeps {
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
  readonly token: string | undefined;
}

/** Sends the offer. @throws PlayerError "unreachable" or "protocol". */
export async function postOffer(
  endpoint: string,
  offer: string,
  deps: HttpResourceDeps,
): Promise<CreatedResource | Refusal> {
  const { host } = new URL(endpoint);
  let response: Response;
  let body: string;
  try {
    response = await deps.fetch(endpoint, {
      method: "POST",
      headers: { ...authorization(deps.token), "content-type": "application/sdp" },
      body: offer,
      signal: AbortSignal.any([deps.signal, AbortSignal.timeout(POST_TIMEOUT_MS)]),
    });
    body = await response.text();
  } catch (cause) {
    throw new PlayerError("unreachable", `${host} does not answer the offer`, cause);
  }
  if (body.length > MAX_BODY_CHARACTERS) throw new PlayerError("protocol", `${host} answers at length`);
  if (response.status !== 201) return readRefusal(response, body);
  if (!body.startsWith("v=0")) throw new PlayerError("protocol", `${host} answers the offer without SDP`);
  const location = response.headers.get("location");
  return {
    kind: "created",
    answer: body,
    url: location !== null && URL.canParse(location, endpoint) ? new URL(location, endpoint).href : undefined,
    etag: response.headers.get("etag") ?? undefined,
    iceServers: parseIceServers(response.headers.get("link")),
  };
}

export interface PatchAnswer {
  readonly status: number;
  readonly body: string;
  readonly etag: string | undefined;
}

/** Tells candidates, or asks for an ICE restart with `etag` "*". @throws PlayerError "unreachable". */
export async function patchResource(
  url: string,
  fragment: string,
  etag: string | undefined,
  deps: HttpResourceDeps,
): Promise<PatchAnswer> {
  try {
    const response = await deps.fetch(url, {
      method: "PATCH",
      headers: {
        ...authorization(deps.token),
        "content-type": SDP_FRAGMENT_TYPE,
        ...(etag !== undefined && { "if-match": etag }),
      },
      body: fragment,
      signal: AbortSignal.any([deps.signal, AbortSignal.timeout(PATCH_TIMEOUT_MS)]),
    });
    const body = (await response.text()).slice(0, MAX_BODY_CHARACTERS);
    return { status: response.status, body, etag: response.headers.get("etag") ?? undefined };
  } catch (cause) {
    throw new PlayerError("unreachable", `${new URL(url).host} does not answer`, cause);
  }
}

/** Ends the session at the server, even while the page is being left. Settles with the answer, or without one. */
export async function deleteResource(url: string, deps: Omit<HttpResourceDeps, "signal">): Promise<void> {
  try {
    await deps.fetch(url, { method: "DELETE", headers: authorization(deps.token), keepalive: true });
  } catch {
    // The server notices by itself that the peer is gone.
  }
}

/** What a refusal means for whoever asked. */
export function refusalError(refusal: Refusal): PlayerError {
  const { status, text } = refusal;
  if (status === 401 || status === 403) return new PlayerError("unauthorized", text);
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    return new PlayerError("unreachable", text);
  }
  // What the broadcast is made of does not fit into WebRTC (B-frames, codecs), or not to what we offered.
  if (status === 406 || status === 409 || status === 415 || status === 422) {
    return new PlayerError("codec", text);
  }
  return new PlayerError("protocol", text);
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** What a server says that does not give what was asked for. */
export function readRefusal(response: Response, body: string): Refusal {
  const fallback = `HTTP ${response.status}`;
  const retryAfterS = Number(response.headers.get("retry-after") ?? Number.NaN);
  let text = fallback;
  let problem: string | undefined;
  if (/\bjson\b/.test(response.headers.get("content-type") ?? "")) {
    try {
      const document = JSON.parse(body) as Record<string, unknown> | null;
      const detail = document?.detail ?? document?.title;
      if (typeof detail === "string") text = detail.slice(0, 500);
      if (typeof document?.type === "string") problem = /[^/#:]+$/.exec(document.type)?.[0];
    } catch {
      // Not what it says it is: the status has to do.
    }
  }
  return {
    kind: "refused",
    status: response.status,
    text,
    problem,
    retryAfterMs: Number.isFinite(retryAfterS) && retryAfterS >= 0 ? retryAfterS * 1000 : undefined,
  };
}
