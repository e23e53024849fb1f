import type { JWTPayload } from "jose";
import { RuntimeError } from "../runtime-error.ts";
import type { Grant } from "./path-scope.ts";

/** Longest prefix list a token may carry; each is compared with every request of a session. */
const MAX_PREFIXES = 64;
const MAX_PREFIX_CHARACTERS = 1_024;

export type Role = "host" | "seat" | "audience" | "admin";
const ROLES: readonly Role[] = ["host", "seat", "audience", "admin"];

/** A checked token: moq-token's claims and ours (`canopy`). */
export interface TokenClaims extends Grant {
  /** Unix seconds; undefined = does not expire. */
  readonly expiresAtSeconds: number | undefined;
  readonly canopy: {
    readonly user: string | undefined;
    readonly room: string | undefined;
    readonly role: Role | undefined;
  };
  /** Thumbprint of the key that the token was signed with. */
  readonly signedBy: string;
}

/** Checks types and limits of the claims of a token whose signature and times are good. */
export function readClaims(payload: JWTPayload, signedBy: string): TokenClaims {
  const { root, put, get, canopy } = payload;
  return {
    root: text(root, "root") ?? "",
    put: prefixes(put, "put"),
    get: prefixes(get, "get"),
    expiresAtSeconds: payload.exp,
    canopy: readCanopy(canopy),
    signedBy,
  };
}

function readCanopy(value: unknown): TokenClaims["canopy"] {
  if (value === undefined) return { user: undefined, room: undefined, role: undefined };
  if (typeof value !== "object" || value === null) throw wrong("canopy");
  const { user, room, role } = value as Record<string, unknown>;
  const known = ROLES.find((candidate) => candidate === role);
  if (role !== undefined && known === undefined) throw wrong("canopy.role");
  return { user: text(user, "canopy.user"), room: text(room, "canopy.room"), role: known };
}

function text(value: unknown, claim: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.length > MAX_PREFIX_CHARACTERS) throw wrong(claim);
  return value;
}

function prefixes(value: unknown, claim: string): readonly string[] {
  if (value === undefined) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > MAX_PREFIXES) throw wrong(claim);
  return list.map((item) => text(item ?? null, claim) ?? "");
}

function wrong(claim: string): RuntimeError {
  return new RuntimeError("token-invalid", `the token's claim ${claim} is not valid`);
}
