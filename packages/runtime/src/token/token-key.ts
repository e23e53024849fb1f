import { calculateJwkThumbprint, importJWK, type JWK } from "jose";
import { RuntimeError } from "../runtime-error.ts";

export type TokenAlgorithm = "HS256" | "ES256" | "EdDSA";

/** A key with the one algorithm it may be used with, so that a token's header cannot choose. */
export interface TokenKey {
  readonly id: string | undefined;
  /** RFC 7638: tells whether two files hold the same key. Of a shared secret it is not to be shown. */
  readonly thumbprint: string;
  readonly algorithm: TokenAlgorithm;
  readonly verifyKey: KeyMaterial;
  /** Symmetric or private; undefined for a public key, which signs nothing. */
  readonly signKey: KeyMaterial | undefined;
}

type KeyMaterial = Awaited<ReturnType<typeof importJWK>>;

/** RFC 7518 section 3.2: a key of the hash's size or larger must be used. */
const MIN_HMAC_KEY_BYTES = 32;
const MAX_KEYS = 32;

/**
 * Reads one JWK or a JWK set (RFC 7517), as JSON or as base64url of it (the form moq-token writes).
 * Throws code `token-key-invalid`; the message never contains key material.
 */
export async function loadTokenKeys(content: string): Promise<readonly TokenKey[]> {
  return Promise.all(listJwks(content).map(importKey));
}

/** The file's JWKs as they stand there, unchecked. Throws code `token-key-invalid`. */
export function listJwks(content: string): readonly unknown[] {
  const json = parseKeyFile(content);
  const list: unknown = "keys" in json ? json.keys : [json];
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_KEYS) {
    throw invalid(`a key file holds one JWK or a set of 1 to ${MAX_KEYS}`);
  }
  return list as readonly unknown[];
}

function parseKeyFile(content: string): Record<string, unknown> {
  const trimmed = content.trim();
  const text = trimmed.startsWith("{") ? trimmed : Buffer.from(trimmed, "base64url").toString("utf8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid("the key file is neither JSON nor base64url of JSON");
  }
  if (typeof json !== "object" || json === null) throw invalid("the key file is not a JSON object");
  return json as Record<string, unknown>;
}

async function importKey(value: unknown): Promise<TokenKey> {
  if (typeof value !== "object" || value === null) throw invalid("a key of the key file is not a JWK");
  const jwk = value as JWK;
  const algorithm = algorithmOf(jwk);
  if (jwk.kid !== undefined && typeof jwk.kid !== "string") throw invalid("the kid of a JWK is not text");
  if (jwk.use !== undefined && jwk.use !== "sig") throw invalid("a JWK is not meant for signatures (use)");
  const { d: _private, ...publicJwk } = jwk;
  let verifyKey: KeyMaterial;
  let signKey: KeyMaterial | undefined;
  let thumbprint: string;
  try {
    verifyKey = await importJWK(publicJwk, algorithm);
    if (jwk.kty === "oct") signKey = verifyKey;
    else if (jwk.d !== undefined) signKey = await importJWK(jwk, algorithm);
    thumbprint = await calculateJwkThumbprint(publicJwk);
  } catch (error) {
    throw new RuntimeError("token-key-invalid", "a JWK of the key file cannot be imported", { cause: error });
  }
  if (verifyKey instanceof Uint8Array && verifyKey.byteLength < MIN_HMAC_KEY_BYTES) {
    throw invalid(`a key for HS256 has at least ${MIN_HMAC_KEY_BYTES} bytes`);
  }
  return { id: jwk.kid, thumbprint, algorithm, verifyKey, signKey };
}

function algorithmOf(jwk: JWK): TokenAlgorithm {
  const natural: TokenAlgorithm | undefined =
    jwk.kty === "oct"
      ? "HS256"
      : jwk.kty === "EC" && jwk.crv === "P-256"
        ? "ES256"
        : jwk.kty === "OKP" && jwk.crv === "Ed25519"
          ? "EdDSA"
          : undefined;
  const declared = jwk.alg === "Ed25519" ? "EdDSA" : jwk.alg;
  if (natural === undefined || (declared !== undefined && declared !== natural)) {
    throw invalid("a JWK is of a kind that is not used here: HS256, ES256 and EdDSA (Ed25519) are");
  }
  return natural;
}

function invalid(message: string): RuntimeError {
  return new RuntimeError("token-key-invalid", message);
}
