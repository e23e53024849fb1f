import { ProblemError } from "@canopy/runtime";
import type { Admission } from "./admission.ts";
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
 * Lets operators through. With a token key that is a token with `canopy.role` "admin". A node without a key lets
 * everybody publish and watch, but not everybody may stop it: only who sits on the same machine may, and is neither
 * a web page (which carries `Origin`, and any page that this machine's user visits could ask) nor somebody behind a
 * proxy on this machine. Throws 401 or 403.
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
  const { claims } = await authorizeRequest(request, admission);
  if (claims?.canopy.role === "admin") return;
  if (claims === undefined) {
    throw new ProblemError(401, "Unauthorized", "A token with the role admin is needed.", {
      headers: { "www-authenticate": "Bearer" },
    });
  }
  throw new ProblemError(403, "Forbidden", "The token's role is not admin.");
}

function isLoopbackAddress(address: string): boolean {
  return /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address) || address === "::1";
}
