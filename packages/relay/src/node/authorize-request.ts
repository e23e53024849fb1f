import { mayGet, mayPut, ProblemError } from "@canopy/runtime";
import { bearerToken } from "@canopy/transport";
import type { Admission, Admitted, Refused, RejectReason } from "./admission.ts";

const TITLES: Readonly<Record<Refused["status"], string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
};

/** The parts of an HTTP request that say who asks. */
export interface AuthorizableRequest {
  /** Path with query. */
  readonly url: string;
  readonly headers: { readonly authorization?: string | undefined };
}

/** Counts refusals of what would have become a session; the node's gate does. */
export interface RefusalCounter {
  countRefusal(reason: RejectReason): void;
}

/**
 * What the sender of an HTTP request may do, from `?jwt=` or `Authorization: Bearer`; names are taken from the top
 * (the session root is ""). Throws 400, 401 or 403.
 */
export async function authorizeRequest(
  request: AuthorizableRequest,
  admission: Admission,
  refusals?: RefusalCounter,
): Promise<Admitted> {
  const question = request.url.indexOf("?");
  const query = question < 0 ? "" : request.url.slice(question);
  const bearer = bearerToken(request.headers.authorization);
  return admitted(await admission.authorize(`/${query}`, bearer), refusals);
}

/** The sender may watch `broadcast`. Throws 401, or 403, which says nothing of whether there is such a broadcast. */
export async function authorizeWatching(
  request: AuthorizableRequest,
  admission: Admission,
  broadcast: string,
  refusals?: RefusalCounter,
): Promise<Admitted> {
  const who = await authorizeRequest(request, admission, refusals);
  if (!mayGet(who.scope, broadcast)) throw outOfScope("watch", refusals);
  return who;
}

/** The sender may publish `broadcast`. Throws 401, or 403, which says nothing of whether there is such a broadcast. */
export async function authorizePublishing(
  request: AuthorizableRequest,
  admission: Admission,
  broadcast: string,
  refusals?: RefusalCounter,
): Promise<Admitted> {
  const who = await authorizeRequest(request, admission, refusals);
  if (!mayPut(who.scope, broadcast)) throw outOfScope("publish", refusals);
  return who;
}

/** What a session with this path and query, and the header of `request`, may do. Throws 400, 401 or 403. */
export async function authorizeSessionPath(
  path: string,
  request: AuthorizableRequest,
  admission: Admission,
): Promise<Admitted> {
  return admitted(await admission.authorize(path, bearerToken(request.headers.authorization)));
}

function admitted(answer: Admitted | Refused, refusals?: RefusalCounter): Admitted {
  if (answer.admitted) return answer;
  refusals?.countRefusal(answer.reason);
  const title = TITLES[answer.status];
  // RFC 6750 section 3: a 401 says which scheme is wanted.
  const headers: Record<string, string> = answer.status === 401 ? { "www-authenticate": "Bearer" } : {};
  throw new ProblemError(answer.status, title, answer.message, { headers });
}

function outOfScope(what: string, refusals: RefusalCounter | undefined): ProblemError {
  refusals?.countRefusal("forbidden");
  return new ProblemError(403, "Forbidden", `The token does not allow to ${what} this broadcast.`);
}
