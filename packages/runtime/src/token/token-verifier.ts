import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters,
} from "jose";
import { RuntimeError } from "../runtime-error.ts";
import type { Clock } from "../time/clock.ts";
import { readClaims, type TokenClaims } from "./claims.ts";
import type { TokenKey } from "./token-key.ts";

/** Longer ones are refused before anything is parsed. */
const MAX_TOKEN_CHARACTERS = 8_192;
/** Difference of clocks between issuer and node that is tolerated. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** Checks tokens against the configured keys, which may be exchanged while the node runs. */
export class TokenVerifier {
  #keys: readonly TokenKey[];
  #version = 0;
  readonly #clock: Clock;

  constructor(options: { readonly keys: readonly TokenKey[] }, deps: { readonly clock: Clock }) {
    this.#keys = options.keys;
    this.#clock = deps.clock;
  }

  /** Changes with the keys. */
  get version(): number {
    return this.#version;
  }

  /** From now on these keys count, and no others. */
  setKeys(keys: readonly TokenKey[]): void {
    this.#keys = keys;
    this.#version += 1;
  }

  /** Whether tokens of this key are still accepted. */
  accepts(thumbprint: string): boolean {
    return this.#keys.some((key) => key.thumbprint === thumbprint);
  }

  /**
   * Rejects with code `token-invalid` or `token-expired`; messages are fit for the client. What is wrong with a token
   * is told only to who holds one that a known key has signed: nobody learns anything of the keys.
   */
  async verify(token: string): Promise<TokenClaims> {
    if (token.length > MAX_TOKEN_CHARACTERS) throw invalid("the token is too long");
    let header: ProtectedHeaderParameters;
    try {
      header = decodeProtectedHeader(token);
    } catch (error) {
      throw invalid("the token is not a JWT", error);
    }
    const candidates = this.#keys.filter(
      (key) =>
        key.algorithm === header.alg &&
        (header.kid === undefined || key.id === undefined || key.id === header.kid),
    );
    let failure: unknown;
    for (const { verifyKey, algorithm, thumbprint } of candidates) {
      try {
        const { payload } = await jwtVerify(token, verifyKey, {
          algorithms: [algorithm],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: new Date(this.#clock.nowMs()),
        });
        return readClaims(payload as JWTPayload, thumbprint);
      } catch (error) {
        if (error instanceof RuntimeError) throw error;
        if (error instanceof errors.JWTExpired) {
          throw new RuntimeError("token-expired", "the token has expired", { cause: error });
        }
        if (error instanceof errors.JWTClaimValidationFailed) throw invalid(explainClaim(error), error);
        failure = error;
      }
    }
    throw invalid("the token was not signed by a known key", failure);
  }
}

/** The signature is good, so whoever shows the token got it from an issuer of ours. */
function explainClaim(error: errors.JWTClaimValidationFailed): string {
  if (error.claim === "nbf" && error.reason === "check_failed") return "the token is not valid yet";
  return `the token's claim ${error.claim} is not valid`;
}

function invalid(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("token-invalid", message, { cause });
}
