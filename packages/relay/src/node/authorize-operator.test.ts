import { createClock, loadTokenKeys, signToken, type TokenKey, TokenVerifier } from "@canopy/runtime";
import { beforeAll, describe, expect, it } from "vitest";
import { type Admission, createAdmission } from "./admission.ts";
import { authorizeOperator, type OperatorRequest } from "./authorize-operator.ts";

const clock = createClock();
let key: TokenKey;

beforeAll(async () => {
  const jwk = { kty: "oct", alg: "HS256", k: Buffer.alloc(32, 7).toString("base64url") };
  const [loaded] = await loadTokenKeys(JSON.stringify(jwk));
  if (loaded === undefined) throw new Error("one key was given");
  key = loaded;
});

const open = createAdmission({ allowAnonymous: true }, { clock, verifier: undefined });
const guarded = (allowAnonymous: boolean): Admission =>
  createAdmission({ allowAnonymous }, { clock, verifier: new TokenVerifier({ keys: [key] }, { clock }) });

function request(ip: string, headers: OperatorRequest["headers"] = {}): OperatorRequest {
  return { url: "/v1/drain", ip, headers };
}

async function withRole(role: "admin" | "host" | undefined, root = ""): Promise<OperatorRequest> {
  const nowSeconds = Math.floor(clock.nowMs() / 1_000);
  const token = await signToken(
    {
      root,
      put: [""],
      get: [""],
      issuedAtSeconds: nowSeconds,
      expiresAtSeconds: nowSeconds + 60,
      ...(role === undefined ? {} : { canopy: { role } }),
    },
    key,
  );
  return request("203.0.113.5", { authorization: `Bearer ${token}` });
}

describe("authorizeOperator", () => {
  it.each(["127.0.0.1", "::1", "::ffff:127.0.0.1"])("lets %s operate an open node", async (ip) => {
    await expect(authorizeOperator(request(ip), open)).resolves.toBeUndefined();
  });

  it("lets nobody else operate an open node: no other machine, no web page, nobody behind a proxy", async () => {
    const refused = [
      request("192.0.2.1"),
      request("127.0.0.1", { origin: "https://evil.example" }),
      request("127.0.0.1", { "x-forwarded-for": "192.0.2.1" }),
      request("127.0.0.1", { forwarded: "for=192.0.2.1" }),
    ];
    for (const one of refused) {
      await expect(authorizeOperator(one, open)).rejects.toMatchObject({ status: 403 });
    }
  });

  it("lets admins operate a node with a key, from anywhere", async () => {
    await expect(authorizeOperator(await withRole("admin"), guarded(false))).resolves.toBeUndefined();
  });

  it("lets neither other roles nor loopback alone operate a node with a key", async () => {
    for (const admission of [guarded(false), guarded(true)]) {
      await expect(authorizeOperator(await withRole("host"), admission)).rejects.toMatchObject({
        status: 403,
      });
      await expect(authorizeOperator(await withRole(undefined), admission)).rejects.toMatchObject({
        status: 403,
      });
      await expect(authorizeOperator(await withRole("admin", "rooms/7"), admission)).rejects.toMatchObject({
        status: 403,
      });
      await expect(authorizeOperator(request("127.0.0.1"), admission)).rejects.toMatchObject({ status: 401 });
    }
  });
});
