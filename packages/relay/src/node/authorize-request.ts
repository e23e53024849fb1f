import { ProblemError } from "@canopy/runtime";
import type { Admission, Admitted } from "./admission.ts";

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
  const answer = await admission.authorize(`/${query}`, bearer);
  if (answer.admitted) return answer;
  const title = answer.status === 401 ? "Unauthorized" : "Forbidden";
  // RFC 6750 section 3: a 401 says which scheme is wanted.
  const headers: Record<string, string> = answer.status === 401 ? { "www-authenticate": "Bearer" } : {};
  throw new ProblemError(answer.status, title, answer.message, { headers });
}
