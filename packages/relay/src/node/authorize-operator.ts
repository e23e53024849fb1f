import { mayGet, mayPut, ProblemError } from "@canopy/runtime";
import type { Admission, Admitted } from "./admission.ts";
import { type AuthorizableRequest, authorizeRequest } from "./authorize-request.ts";

/** What is looked at of a request to operate the node. */
export interface OperatorRequest extends AuthorizableRequest {
  readonly headers: AuthorizableRequest["headers"] & {
    readonly origin?: string | undefined;
    readonly forwarded?: string | string[] | undefined;
    readonly "x-forwarded-for"?: string | string[] | undefined;
  };
  /** Address of the connection's other end. */
  readonly ip: string;
}

/**
 * Whether an operator was let in: his token has `canopy.role` "admin" and grants everything. The role alone does not
 * do: a room has its admin, too. On a node without a key everybody sees everything.
 */
export function isOperator({ scope, claims }: Admitted): boolean {
  if (scope.root !== "" || !mayPut(scope, "") || !mayGet(scope, "")) return false;
  return claims === undefined || claims.canopy.role === "admin";
}

/**
 * Lets operators through (`isOperator`). A node without a key lets everybody publish and watch, but not everybody may
 * stop it: only who sits on the same machine may, and is neither a web page (which carries `Origin`, and any page that
 * this machine's user visits could ask) nor somebody behind a proxy on this machine. Throws 401 or 403.
 */
export async function authorizeOperator(request: OperatorRequest, admission: Admission): Promise<void> {
  if (!admission.checksTokens) {
    const { origin, forwarded, "x-forwarded-for": forwardedFor } = request.headers;
    const isHere = isLoopbackAddress(request.ip) && forwarded === undefined && forwardedFor === undefined;
    if (isHere && origin === undefined) return;
    throw new ProblemError(
      403,
      "Forbidden",
      "This node has no token key: it is operated from its own machine only, not by web pages.",
    );
  }
  const who = await authorizeRequest(request, admission);
  if (isOperator(who)) return;
  if (who.claims === undefined) {
    throw new ProblemError(401, "Unauthorized", "A token with the role admin is needed.", {
      headers: { "www-authenticate": "Bearer" },
    });
  }
  throw new ProblemError(403, "Forbidden", "An operator's token has the role admin, and grants everything.");
}

function isLoopbackAddress(address: string): boolean {
  return /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address) || address === "::1";
}
