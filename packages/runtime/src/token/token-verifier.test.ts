import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import type { Clock } from "../time/clock.ts";
import { signToken } from "./sign-token.ts";
import { loadTokenKeys, type TokenKey } from "./token-key.ts";
import { TokenVerifier } from "./token-verifier.ts";

const NOW_SECONDS = 1_800_000_000;
const clockAt = (seconds: number): Clock => ({ nowMs: () => seconds * 1_000, nowUs: () => seconds * 1e6 });
const hmacJwk = (fill: number, kid?: string) => ({
  kty: "oct",
  alg: "HS256",
  k: Buffer.alloc(32, fill).toString("base64url"),
  ...(kid === undefined ? {} : { kid }),
});

async function keyOf(jwk: object): Promise<TokenKey> {
  const [key] = await loadTokenKeys(JSON.stringify(jwk));
  if (key === undefined) throw new Error("one key was given");
  return key;
}

const request = {
  root: "live",
  put: ["demo"],
  get: [""],
  issuedAtSeconds: NOW_SECONDS,
  expiresAtSeconds: NOW_SECONDS + 60,
  canopy: { user: "u1", role: "host" as const },
};

const verifier = (keys: readonly TokenKey[], atSeconds = NOW_SECONDS) =>
  new TokenVerifier({ keys }, { clock: clockAt(atSeconds) });

describe("TokenVerifier", () => {
  it.each(["HS256", "ES256", "EdDSA"] as const)(
    "accepts %s tokens of its key and reads the claims",
    async (alg) => {
      const jwk =
        alg === "HS256"
          ? hmacJwk(1)
          : await exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey);
      const signing = await keyOf(jwk);
      const { d: _private, ...publicJwk } = jwk as { d?: string };
      const checking = alg === "HS256" ? signing : await keyOf(publicJwk);
      const claims = await verifier([checking]).verify(await signToken(request, signing));
      expect(claims).toEqual({
        root: "live",
        put: ["demo"],
        get: [""],
        expiresAtSeconds: NOW_SECONDS + 60,
        canopy: { user: "u1", room: undefined, role: "host" },
        signedBy: checking.thumbprint,
      });
      if (alg !== "HS256") expect(() => signToken(request, checking)).toThrow("public key");
    },
  );

  it("refuses tokens after their time, with a little tolerance", async () => {
    const key = await keyOf(hmacJwk(1));
    const token = await signToken(request, key);
    await expect(verifier([key], NOW_SECONDS + 62).verify(token)).resolves.toBeDefined();
    await expect(verifier([key], NOW_SECONDS + 70).verify(token)).rejects.toMatchObject({
      code: "token-expired",
    });
  });

  it("tells whoever has a good signature what else is wrong, and nobody else", async () => {
    const key = await keyOf(hmacJwk(1));
    const sign = (claims: Record<string, unknown>, fill = 1) =>
      new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(Buffer.alloc(32, fill));
    const early = { root: "live", get: "", nbf: NOW_SECONDS + 60 };
    await expect(verifier([key]).verify(await sign(early))).rejects.toThrow("the token is not valid yet");
    await expect(verifier([key], NOW_SECONDS + 60).verify(await sign(early))).resolves.toBeDefined();
    const odd = { root: "live", get: "", exp: "tomorrow" };
    await expect(verifier([key]).verify(await sign(odd))).rejects.toThrow("claim exp is not valid");
    for (const claims of [early, odd, { exp: 1 }]) {
      await expect(verifier([key]).verify(await sign(claims, 2))).rejects.toThrow(
        "not signed by a known key",
      );
    }
  });

  it("takes other keys while it runs, and knows which are withdrawn", async () => {
    const [old, next] = [await keyOf(hmacJwk(1, "a")), await keyOf(hmacJwk(2, "b"))];
    const checking = verifier([old]);
    const { signedBy } = await checking.verify(await signToken(request, old));
    await expect(checking.verify(await signToken(request, next))).rejects.toThrow("known key");
    checking.setKeys([old, next]);
    expect(checking.version).toBe(1);
    await expect(checking.verify(await signToken(request, next))).resolves.toBeDefined();
    expect(checking.accepts(signedBy)).toBe(true);
    checking.setKeys([next]);
    expect(checking.accepts(signedBy)).toBe(false);
    await expect(checking.verify(await signToken(request, old))).rejects.toThrow("known key");
  });

  it("chooses the key of a set by kid and refuses unknown ones", async () => {
    const keys = await loadTokenKeys(JSON.stringify({ keys: [hmacJwk(1, "a"), hmacJwk(2, "b")] }));
    const other = await keyOf(hmacJwk(3, "c"));
    const [, second] = keys;
    if (second === undefined) throw new Error("two keys were given");
    await expect(verifier(keys).verify(await signToken(request, second))).resolves.toBeDefined();
    await expect(verifier(keys).verify(await signToken(request, other))).rejects.toMatchObject({
      code: "token-invalid",
    });
  });

  it("does not let the header choose the algorithm", async () => {
    const { publicKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = await exportJWK(publicKey);
    const key = await keyOf(jwk);
    // The classic confusion: the public key's text used as a shared secret.
    const forged = await new SignJWT({ root: "", get: "" })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(JSON.stringify(jwk)));
    await expect(verifier([key]).verify(forged)).rejects.toMatchObject({ code: "token-invalid" });
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.e30.`;
    await expect(verifier([key]).verify(unsigned)).rejects.toMatchObject({ code: "token-invalid" });
  });

  it.each([
    { root: 1 },
    { root: "a", put: [1] },
    { root: "a", get: {} },
    { root: "a", get: new Array(65).fill("x") },
    { root: "a", get: "", canopy: { role: "king" } },
    { root: "a", get: "", canopy: 1 },
  ])("refuses the claims %j", async (claims) => {
    const key = await keyOf(hmacJwk(1));
    const token = await new SignJWT(claims as Record<string, unknown>)
      .setProtectedHeader({ alg: "HS256" })
      .sign(key.verifyKey);
    await expect(verifier([key]).verify(token)).rejects.toMatchObject({ code: "token-invalid" });
  });

  it.each(["", "x", "a.b.c", "é".repeat(9_000), "a".repeat(9_000)])("refuses garbage", async (token) => {
    const key = await keyOf(hmacJwk(1));
    await expect(verifier([key]).verify(token)).rejects.toMatchObject({ code: "token-invalid" });
  });
});

describe("loadTokenKeys", () => {
  it("reads base64url of a JWK as moq-token writes it", async () => {
    const text = Buffer.from(JSON.stringify(hmacJwk(1))).toString("base64url");
    await expect(loadTokenKeys(`${text}\n`)).resolves.toMatchObject([{ algorithm: "HS256" }]);
  });

  it.each([
    "",
    "[]",
    "not json",
    '{"keys":[]}',
    '{"kty":"RSA","n":"AQAB","e":"AQAB"}',
    '{"kty":"oct","k":"AAAA"}',
    `{"kty":"oct","alg":"ES256","k":"${"A".repeat(43)}"}`,
    '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}',
    '{"keys":[null]}',
    '{"keys":["x"]}',
    `{"kty":"oct","kid":1,"k":"${"A".repeat(43)}"}`,
    `{"kty":"oct","use":"enc","k":"${"A".repeat(43)}"}`,
  ])("refuses %s", async (content) => {
    await expect(loadTokenKeys(content)).rejects.toMatchObject({ code: "token-key-invalid" });
  });
});
