import { SignJWT } from "jose";
import { RuntimeError } from "../runtime-error.ts";
import type { Role } from "./claims.ts";
import type { Grant } from "./path-scope.ts";
import type { TokenKey } from "./token-key.ts";

export interface TokenRequest extends Grant {
  readonly issuedAtSeconds: number;
  /** Undefined = the token does not expire. */
  readonly expiresAtSeconds: number | undefined;
  readonly canopy?: { readonly user?: string; readonly room?: string; readonly role?: Role };
}

/** Signs a token with moq-token's claims. `key` must be able to sign. */
export function signToken(request: TokenRequest, key: TokenKey): Promise<string> {
  if (key.signKey === undefined) {
    throw new RuntimeError("token-key-invalid", "tokens cannot be signed with a public key");
  }
  const token = new SignJWT({
    root: request.root,
    ...(request.put.length === 0 ? {} : { put: [...request.put] }),
    ...(request.get.length === 0 ? {} : { get: [...request.get] }),
    ...(request.canopy === undefined ? {} : { canopy: request.canopy }),
  });
  token.setProtectedHeader({
    alg: key.algorithm,
    typ: "JWT",
    ...(key.id === undefined ? {} : { kid: key.id }),
  });
  token.setIssuedAt(request.issuedAtSeconds);
  if (request.expiresAtSeconds !== undefined) token.setExpirationTime(request.expiresAtSeconds);
  return token.sign(key.signKey);
}
