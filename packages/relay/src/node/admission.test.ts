import { createClock, loadTokenKeys, signToken, type TokenKey, TokenVerifier } from "@canopy/runtime";
import { beforeAll, describe, expect, it } from "vitest";
import { type Admission, createAdmission } from "./admission.ts";
import { authorizeRequest } from "./authorize-request.ts";

const clock = createClock();
let key: TokenKey;
let token: string;

beforeAll(async () => {
  const jwk = { kty: "oct", alg: "HS256", k: Buffer.alloc(32, 7).toString("base64url") };
  const [loaded] = await loadTokenKeys(JSON.stringify(jwk));
  if (loaded === undefined) throw new Error("one key was given");
  key = loaded;
  token = await sign(60);
});

function sign(secondsLeft: number): Promise<string> {
  const nowSeconds = Math.floor(clock.nowMs() / 1_000);
  const times = { issuedAtSeconds: nowSeconds, expiresAtSeconds: nowSeconds + secondsLeft };
  return signToken({ root: "live", put: ["demo"], get: [""], ...times }, key);
}

const withKey = (allowAnonymous: boolean): Admission =>
  createAdmission({ allowAnonymous }, { clock, verifier: new TokenVerifier({ keys: [key] }, { clock }) });

describe("Admission", () => {
  it("lets everybody do everything on an open node, whatever token they bring", async () => {
    const open = createAdmission({ allowAnonymous: true }, { clock, verifier: undefined });
    const answer = await open.authorize("/live?jwt=garbage");
    expect(answer).toMatchObject({ admitted: true, scope: { root: "live", put: [""], get: [""] } });
  });

  it("takes the scope and the end of the session from the token", async () => {
    const answer = await withKey(false).authorize(`/live?jwt=${token}`);
    expect(answer).toMatchObject({ admitted: true, scope: { root: "live", put: ["demo"], get: [""] } });
    if (answer.admitted) expect(answer.expiresAtMs).toBeGreaterThan(clock.nowMs());
  });

  it.each([
    ["/live", "unauthorized", 401],
    ["/live?jwt=garbage", "unauthorized", 401],
    ["/%", "path", 400],
  ])("refuses %s", async (path, reason, status) => {
    expect(await withKey(false).authorize(path)).toMatchObject({ admitted: false, reason, status });
  });

  it("refuses paths that the token grants nothing below, and expired tokens", async () => {
    expect(await withKey(false).authorize(`/other?jwt=${token}`)).toMatchObject({
      reason: "forbidden",
      status: 403,
    });
    const expired = await sign(-100);
    expect(await withKey(false).authorize(`/live?jwt=${expired}`)).toMatchObject({
      reason: "unauthorized",
      message: "the token has expired",
    });
  });

  it("lets anonymous ones watch but not publish where there is a key", async () => {
    expect(await withKey(true).authorize("/live")).toMatchObject({ scope: { put: [], get: [""] } });
    expect(await withKey(true).authorize("/live?jwt=garbage")).toMatchObject({ admitted: false });
  });
});

describe("authorizeRequest", () => {
  it("takes the token from the query or the header, whatever the route", async () => {
    const byQuery = await authorizeRequest({ url: `/v1/x?jwt=${token}`, headers: {} }, withKey(false));
    const authorization = `Bearer ${token}`;
    const byHeader = await authorizeRequest({ url: "/v1/x", headers: { authorization } }, withKey(false));
    expect(byHeader.scope).toEqual({ root: "", put: ["live/demo"], get: ["live"] });
    expect(byQuery.scope).toEqual(byHeader.scope);
  });

  it("throws a problem that names the scheme", async () => {
    await expect(authorizeRequest({ url: "/v1/x", headers: {} }, withKey(false))).rejects.toMatchObject({
      status: 401,
      headers: { "www-authenticate": "Bearer" },
    });
  });
});
