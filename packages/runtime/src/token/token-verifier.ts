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

/** Checks tokens against the configured keys. */
export class TokenVerifier {
  readonly #keys: readonly TokenKey[];
  readonly #clock: Clock;

  constructor(options: { readonly keys: readonly TokenKey[] }, deps: { readonly clock: Clock }) {
    this.#keys = options.keys;
    this.#clock = deps.clock;
  }

  /** Rejects with code `token-invalid` or `token-expired`; messages are fit for the client. */
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
    for (const { verifyKey, algorithm } of candidates) {
      try {
        const { payload } = await jwtVerify(token, verifyKey, {
          algorithms: [algorithm],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: new Date(this.#clock.nowMs()),
        });
        return readClaims(payload as JWTPayload);
      } catch (error) {
        if (error instanceof RuntimeError) throw error;
        if (error instanceof errors.JWTExpired) {
          throw new RuntimeError("token-expired", "the token has expired", { cause: error });
        }
        failure = error;
      }
    }
    throw invalid("the token was not signed by a known key", failure);
  }
}

function invalid(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("token-invalid", message, { cause });
}
