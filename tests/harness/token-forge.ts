import { type Clock, loadTokenKeys, type TokenKey, TokenVerifier } from "@canopy/runtime";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";

/** What a token grants; prefixes are relative to the root. */
export interface ForgedGrant {
  readonly root: string;
  readonly put: readonly string[];
  readonly get: readonly string[];
  readonly role?: string;
}

/** A token that must be let in nowhere, and what whoever shows it may be told. */
export interface BadToken {
  readonly name: string;
  /** Undefined: none is shown. */
  readonly token: string | undefined;
  readonly status: 401 | 403;
  readonly says: RegExp;
}

const KID = "2026-11";
const DAY_SECONDS = 86_400;
/** Above what is looked at at all. */
const OVERSIZE_CHARACTERS = 8_300;

/** An issuer with an ES256 key, its verifier with a clock that can be moved, and everybody who would like to be it. */
export class TokenForge {
  readonly verifier: TokenVerifier;
  /** Added to the verifier's time. */
  aheadMs = 0;
  readonly #key: CryptoKey;
  readonly #publicJwk: JWK;
  readonly #publicPem: string;

  private constructor(
    key: CryptoKey,
    publicJwk: JWK,
    publicPem: string,
    keys: readonly TokenKey[],
    clock: Clock,
  ) {
    this.#key = key;
    this.#publicJwk = publicJwk;
    this.#publicPem = publicPem;
    const moved: Clock = {
      nowMs: () => clock.nowMs() + this.aheadMs,
      nowUs: () => clock.nowUs() + this.aheadMs * 1_000,
    };
    this.verifier = new TokenVerifier({ keys }, { clock: moved });
  }

  static async create(clock: Clock): Promise<TokenForge> {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const publicJwk = { ...(await exportJWK(publicKey)), kid: KID, alg: "ES256", use: "sig" };
    // As a node has it: the public key alone, in a set.
    const keys = await loadTokenKeys(JSON.stringify({ keys: [publicJwk] }));
    return new TokenForge(privateKey, publicJwk, await exportSPKI(publicKey), keys, clock);
  }

  /** A token that is good for `secondsLeft`. */
  sign(grant: ForgedGrant, secondsLeft = DAY_SECONDS): Promise<string> {
    return this.#sign(claimsOf(grant, secondsLeft));
  }

  /** Every kind of token that grants what `grant` says, or `elsewhere` what is no use, and must not be let in. */
  async forge(grant: ForgedGrant, elsewhere: ForgedGrant): Promise<readonly BadToken[]> {
    const claims = claimsOf(grant, DAY_SECONDS);
    const good = await this.#sign(claims);
    const [header = "", payload = "", signature = ""] = good.split(".");
    const other = await generateKeyPair("ES256");
    const rsa = await generateKeyPair("RS256");
    const hmac = { alg: "HS256", kid: KID };
    const sign = (head: { alg: string; kid?: string }, key: CryptoKey | Uint8Array): Promise<string> =>
      new SignJWT(claims).setProtectedHeader(head).sign(key);
    const stranger = (name: string, token: string): BadToken => ({
      name,
      token,
      status: 401,
      says: /the token was not signed by a known key/,
    });
    const unsigned = `${encode({ alg: "none" })}.${payload}.`;
    const grown = encode({ ...claims, root: "", put: "", get: "", canopy: { role: "admin" } });
    return [
      { name: "missing", token: undefined, status: 401, says: /token.* is needed/i },
      { name: "no JWT", token: "opaque", status: 401, says: /the token is not a JWT/ },
      {
        name: "expired",
        token: await this.#sign({ ...claims, exp: nowSeconds() - 60 }),
        status: 401,
        says: /the token has expired/,
      },
      {
        name: "not yet valid",
        token: await this.#sign({ ...claims, nbf: nowSeconds() + 3_600 }),
        status: 401,
        says: /the token is not valid yet/,
      },
      { name: "of another scope", token: await this.sign(elsewhere), status: 403, says: /token/ },
      stranger("of another key", await sign({ alg: "ES256" }, other.privateKey)),
      stranger("of another key with a known kid", await sign({ alg: "ES256", kid: KID }, other.privateKey)),
      stranger("of an unknown kid", await sign({ alg: "ES256", kid: "2027-01" }, this.#key)),
      stranger("unsigned (alg none)", unsigned),
      stranger("unsigned with a signature", `${encode({ alg: "none" })}.${payload}.${signature}`),
      stranger("of RS256", await sign({ alg: "RS256", kid: KID }, rsa.privateKey)),
      stranger("of HS256 with the public key (PEM)", await sign(hmac, bytes(this.#publicPem))),
      stranger(
        "of HS256 with the public key (JWK)",
        await sign(hmac, bytes(JSON.stringify(this.#publicJwk))),
      ),
      stranger("tampered with in its claims", `${header}.${grown}.${signature}`),
      stranger("tampered with in its signature", `${header}.${payload}.${flipped(signature)}`),
      {
        name: "oversized",
        token: await this.#sign({ ...claims, padding: "x".repeat(OVERSIZE_CHARACTERS) }),
        status: 401,
        says: /the token is too long/,
      },
    ];
  }

  #sign(claims: Record<string, unknown>): Promise<string> {
    return new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: KID }).sign(this.#key);
  }
}

function claimsOf({ root, put, get, role }: ForgedGrant, secondsLeft: number): Record<string, unknown> {
  const exp = nowSeconds() + secondsLeft;
  return { root, put, get, exp, ...(role === undefined ? {} : { canopy: { role } }) };
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Another signature of the same length. */
function flipped(signature: string): string {
  return `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
}
