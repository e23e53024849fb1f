import { ProblemError } from "@canopy/runtime";
import type { Admission, Admitted, Refused } from "./admission.ts";

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

/**
 * What the sender of an HTTP request may do, from `?jwt=` or `Authorization: Bearer`; names are taken from the top
 * (the session root is ""). Throws 401 or 403.
 */
export async function authorizeRequest(
  request: AuthorizableRequest,
  admission: Admission,
): Promise<Admitted> {
  const question = request.url.indexOf("?");
  const query = question < 0 ? "" : request.url.slice(question);
  const bearer = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return admitted(await admission.authorize(`/${query}`, bearer));
}

/** What a session with this path and query may do. Throws 400, 401 or 403. */
export async function authorizeSessionPath(path: string, admission: Admission): Promise<Admitted> {
  return admitted(await admission.authorize(path));
}

function admitted(answer: Admitted | Refused): Admitted {
  if (answer.admitted) return answer;
  const title = TITLES[answer.status];
  // RFC 6750 section 3: a 401 says which scheme is wanted.
  const headers: Record<string, string> = answer.status === 401 ? { "www-authenticate": "Bearer" } : {};
  throw new ProblemError(answer.status, title, answer.message, { headers });
}
