import {
  type Clock,
  FULL_GRANT,
  type Grant,
  RuntimeError,
  type SessionScope,
  scopeSession,
  type TokenClaims,
  type TokenVerifier,
} from "@canopy/runtime";
import { parseSessionUrl } from "./session-url.ts";

/** Values of `canopy_sessions_rejected_total{reason}`. */
export type RejectReason =
  | "protocol"
  | "limit"
  | "address-limit"
  | "unauthorized"
  | "forbidden"
  | "path"
  | "draining"
  | "timeout"
  | "conflict"
  | "media"
  | "rate"
  | "origin";

export type Admitted = {
  readonly admitted: true;
  readonly scope: SessionScope;
  /** When the session must end; undefined = never. Milliseconds since the Unix epoch. */
  readonly expiresAtMs: number | undefined;
  /** The checked token; undefined for anonymous ones. */
  readonly claims: TokenClaims | undefined;
};

export type Refused = {
  readonly admitted: false;
  readonly reason: RejectReason;
  /** HTTP status that says the same. */
  readonly status: 400 | 401 | 403;
  /** Fit for the one who was refused. */
  readonly message: string;
};

export interface AdmissionOptions {
  /** What someone without a token may do; undefined = nothing. */
  readonly anonymous: Grant | undefined;
}

export interface AdmissionDeps {
  readonly clock: Clock;
  /** Undefined on an open node: tokens are not looked at. */
  readonly verifier: TokenVerifier | undefined;
}

/** With a key, anonymous ones may watch but not publish. */
export const ANONYMOUS_VIEWER: Grant = { root: "", put: [], get: [""] };

/** Decides what whoever comes with this URL may do. One answer for sessions and for HTTP requests. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #deps: AdmissionDeps;

  constructor(options: AdmissionOptions, deps: AdmissionDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** False: without a token nobody gets in, so that a request without one need not be waited for. */
  get admitsAnonymous(): boolean {
    return this.#options.anonymous !== undefined;
  }

  /** Changes when other keys count; then sessions that are open are to be looked at. */
  get keysVersion(): number {
    return this.#deps.verifier?.version ?? 0;
  }

  /** The key of these claims counts no more: nobody who gets in now could have them. */
  isWithdrawn(claims: TokenClaims): boolean {
    return this.#deps.verifier?.accepts(claims.signedBy) === false;
  }

  /** False on an open node. */
  get checksTokens(): boolean {
    return this.#deps.verifier !== undefined;
  }

  /** `path` with query; `bearer` is a token that came otherwise and wins over none in the query. */
  async authorize(path: string, bearer?: string): Promise<Admitted | Refused> {
    const url = parseSessionUrl(path);
    if (url === undefined) return refuse("path", 400, "the path is malformed");
    const token = url.token ?? bearer;
    if (token === undefined || this.#deps.verifier === undefined) {
      if (this.#options.anonymous === undefined) return refuse("unauthorized", 401, "a token is needed");
      return this.#scope(this.#options.anonymous, url.root, undefined);
    }
    let claims: TokenClaims;
    try {
      claims = await this.#deps.verifier.verify(token);
    } catch (error) {
      if (error instanceof RuntimeError) return refuse("unauthorized", 401, error.message);
      throw error;
    }
    return this.#scope(claims, url.root, claims);
  }

  #scope(grant: Grant, root: string, claims: TokenClaims | undefined): Admitted | Refused {
    const scope = scopeSession(grant, root);
    if (scope === undefined) return refuse("forbidden", 403, "the token grants nothing below this path");
    const expiresAtMs = claims?.expiresAtSeconds === undefined ? undefined : claims.expiresAtSeconds * 1_000;
    return { admitted: true, scope, expiresAtMs, claims };
  }
}

function refuse(reason: RejectReason, status: Refused["status"], message: string): Refused {
  return { admitted: false, reason, status, message };
}

/** The admission of a node: open, by token, or by token with anonymous viewers. */
export function createAdmission(
  options: { readonly allowAnonymous: boolean },
  deps: AdmissionDeps,
): Admission {
  const open = deps.verifier === undefined ? FULL_GRANT : ANONYMOUS_VIEWER;
  return new Admission({ anonymous: options.allowAnonymous ? open : undefined }, deps);
}
