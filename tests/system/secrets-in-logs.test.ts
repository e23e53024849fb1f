import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock, loadTokenKeys, signToken, type TokenKey } from "@canopy/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CANOPY_COMMAND } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { scrapeMetrics } from "../harness/scrape-metrics.ts";
import { publishRtmp, request } from "../harness/show-token.ts";
import { waitFor } from "../harness/wait-for.ts";

const WEBHOOK_SECRET = "webhook-secret-5f3a";
const WEBHOOK_KEY = "webhook-query-77aa";
const REDIS_PASSWORD = "redis-password-9c1d";
const STREAM_KEY = "stream-key-4be2";
const S3_SECRET = "s3-secret-1d7f";
const TURN_SECRET = "turn-secret-8e55";
const clock = createClock();

let folder = "";
let keyFile = "";
let origin: StartedProcess;
let edge: StartedProcess;
let port = 0;
let originUrl = "";
let edgeUrl = "";
/** Everything that must not be read in a log, by what it is. */
const secrets = new Map<string, string>([
  ["the webhook's secret", WEBHOOK_SECRET],
  ["the webhook's query", WEBHOOK_KEY],
  ["the password of Redis", REDIS_PASSWORD],
  ["a restream's key", STREAM_KEY],
  ["the object store's secret", S3_SECRET],
  ["the TURN server's secret", TURN_SECRET],
]);

const hmac = (fill: number, kid: string) => ({
  kty: "oct",
  alg: "HS256",
  kid,
  k: Buffer.alloc(32, fill).toString("base64url"),
});

async function keyOf(jwk: object): Promise<TokenKey> {
  const [key] = await loadTokenKeys(JSON.stringify(jwk));
  if (key === undefined) throw new Error("one key was given");
  return key;
}

/** A token that is kept among the secrets. */
async function token(
  key: TokenKey,
  grant: { root: string; put: string[]; get: string[] },
  secondsLeft = 3_600,
): Promise<string> {
  const issuedAtSeconds = Math.floor(clock.nowMs() / 1_000);
  const signed = await signToken(
    { ...grant, issuedAtSeconds, expiresAtSeconds: issuedAtSeconds + secondsLeft },
    key,
  );
  secrets.set(`the token of ${grant.root}/${secondsLeft}`, signed.split(".")[2] ?? signed);
  return signed;
}

/** Real processes, as an operator starts them, that tell everything they have to tell. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-logs-"));
  keyFile = join(folder, "keys.json");
  writeFileSync(keyFile, JSON.stringify({ keys: [hmac(1, "old")] }));
  secrets.set("the token key", hmac(1, "old").k);
  port = await findFreePorts(3);
  originUrl = `http://127.0.0.1:${port}`;
  edgeUrl = `http://127.0.0.1:${port + 2}`;
  const common = ["--host", "127.0.0.1", "--token-key", keyFile, "--log-level", "debug", "--drain-time", "0"];
  common.push(
    "--redis",
    `redis://:${REDIS_PASSWORD}@127.0.0.1:1`,
    "--ice-server",
    `turn:u:${TURN_SECRET}@127.0.0.1:9`,
  );
  origin = startProcess(
    process.execPath,
    [CANOPY_COMMAND, "origin", ...common, "--port", String(port), "--rtmp-port", String(port + 1)].concat(
      ["--webhook", `http://127.0.0.1:1/hook?key=${WEBHOOK_KEY}`],
      ["--recordings-dir", join(folder, "recordings")],
      ["--s3-endpoint", "http://127.0.0.1:1", "--s3-bucket", "b", "--s3-access-key", "a"],
    ),
    { env: { CANOPY_WEBHOOK_SECRET: WEBHOOK_SECRET, CANOPY_S3_SECRET_KEY: S3_SECRET } },
  );
  const parentToken = await token(await keyOf(hmac(1, "old")), { root: "", put: [], get: ["/"] });
  edge = startProcess(process.execPath, [
    ...[CANOPY_COMMAND, "edge", ...common, "--port", String(port + 2)],
    ...["--parent", `https://127.0.0.1:${port}`, "--parent-token", parentToken],
  ]);
  for (const url of [originUrl, edgeUrl]) {
    await waitFor(`${url} to be ready`, async () => (await fetch(`${url}/readyz`)).ok, 90_000);
  }
});
afterAll(async () => {
  await edge?.stop();
  await origin?.stop();
  rmSync(folder, { recursive: true });
});

/** Comes in by every way, with good and bad tokens, and breaks off. */
async function useEverything(key: TokenKey): Promise<void> {
  const publisher = await token(key, { root: "live", put: [""], get: [""] });
  const expired = await token(key, { root: "live", put: [""], get: [""] }, -60);
  for (const shown of [publisher, expired, `${publisher}x`]) {
    for (const path of [
      "/v1/broadcasts",
      "/v1/broadcasts/live/a",
      "/announced",
      "/v1/topology",
      "/nowhere",
    ]) {
      await (await request(originUrl + path, shown)).text();
    }
    for (const path of [
      "/hls/live/a/index.m3u8",
      "/flv/live/a.flv",
      "/v1/locate?broadcast=live/a",
      "/v1/%zz",
    ]) {
      await (await request(edgeUrl + path, shown)).text();
    }
    const init = { method: "POST", headers: { "content-type": "application/sdp" }, body: "v=0" };
    await (await request(`${originUrl}/whip/live/a`, shown, init)).text();
    await (await request(`${edgeUrl}/whep/live/a`, shown, init)).text();
    await fetch(`${edgeUrl}/v1/admission?path=${encodeURIComponent(`/live?jwt=${shown}`)}`);
    const rtmp = await publishRtmp(port + 1, "live/a", shown);
    rtmp.close();
  }
  const restream = { broadcast: "live/a", target: `rtmp://127.0.0.1:1/live/${STREAM_KEY}` };
  const body = { method: "POST", headers: { "content-type": "application/json" } };
  const made = await request(`${originUrl}/v1/restreams`, publisher, {
    ...body,
    body: JSON.stringify(restream),
  });
  expect(made.status).toBe(201);
}

const logs = (): string => origin.output() + edge.output();

describe("the log of a node", () => {
  it("is one JSON object a line, with its time, level, component and message", () => {
    const lines = logs()
      .split("\n")
      .filter((line) => line !== "");
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      const record = JSON.parse(line) as Record<string, unknown>;
      expect(Object.keys(record), line).toEqual(
        expect.arrayContaining(["level", "time", "component", "msg"]),
      );
    }
  });

  it("holds no secret, whatever comes and whatever fails", async () => {
    await useEverything(await keyOf(hmac(1, "old")));
    for (const said of ["rtmp connection ended", "registry-away"]) {
      await waitFor(`the line "${said}"`, () => logs().includes(said));
    }
    const text = logs();
    for (const [what, secret] of secrets) expect(text.includes(secret), what).toBe(false);
    expect(text).toContain("127.0.0.1");
  });
});

describe("token keys of a node that runs", () => {
  it("are those of the file, also when it changes: by themselves or on SIGHUP, and the process goes on", async () => {
    const [old, next] = [await keyOf(hmac(1, "old")), await keyOf(hmac(2, "next"))];
    const grant = { root: "", put: [], get: [""] };
    const [byOld, byNext] = [await token(old, grant), await token(next, grant, 3_601)];
    const status = async (url: string, shown: string) => (await request(`${url}/announced`, shown)).status;
    expect([await status(originUrl, byOld), await status(originUrl, byNext)]).toEqual([200, 401]);
    writeFileSync(keyFile, JSON.stringify({ keys: [hmac(1, "old"), hmac(2, "next")] }));
    origin.child.kill("SIGHUP");
    for (const url of [originUrl, edgeUrl]) {
      await waitFor("the new key", async () => (await status(url, byNext)) === 200);
      expect(await status(url, byOld)).toBe(200);
    }
    writeFileSync(keyFile, JSON.stringify({ keys: [hmac(2, "next")] }));
    for (const url of [originUrl, edgeUrl]) {
      await waitFor("the old key to go", async () => (await status(url, byOld)) === 401);
      expect(await status(url, byNext)).toBe(200);
    }
    writeFileSync(keyFile, "not a key");
    edge.child.kill("SIGHUP");
    await waitFor("the bad file to be counted", async () => {
      const metrics = await scrapeMetrics(edgeUrl);
      return (metrics.get('canopy_token_key_reloads_total{kind="refused"}') ?? 0) > 0;
    });
    expect(await status(edgeUrl, byNext)).toBe(200);
  });
});
