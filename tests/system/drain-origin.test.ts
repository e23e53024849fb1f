import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTokenKeys, signToken } from "@canopy/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CANOPY_COMMAND } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { waitFor } from "../harness/wait-for.ts";

const JWK = { kty: "oct", alg: "HS256", k: Buffer.alloc(32, 7).toString("base64url") };
const DRAIN_SECONDS = 1;

let folder: string;
let port: number;
let origin: StartedProcess;
const started: StartedProcess[] = [];

const url = (path: string): string => `http://127.0.0.1:${port}${path}`;

async function tokenOf(role: "admin" | "host"): Promise<string> {
  const [key] = await loadTokenKeys(JSON.stringify(JWK));
  if (key === undefined) throw new Error("one key was given");
  const issuedAtSeconds = Math.floor(Date.now() / 1_000);
  const times = { issuedAtSeconds, expiresAtSeconds: issuedAtSeconds + 600 };
  return signToken({ root: "", put: [""], get: [""], ...times, canopy: { role } }, key);
}

async function drain(role: "admin" | "host" | undefined): Promise<number> {
  const headers: Record<string, string> = {};
  if (role !== undefined) headers.authorization = `Bearer ${await tokenOf(role)}`;
  return (await fetch(url("/v1/drain"), { method: "POST", headers })).status;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "canopy-drain-"));
  const keyFile = join(folder, "key.json");
  writeFileSync(keyFile, JSON.stringify(JWK));
  port = await findFreePorts(2);
  const args = ["origin", "--host", "127.0.0.1", "--port", String(port), "--rtmp-port", String(port + 1)];
  args.push("--token-key", keyFile, "--drain-time", String(DRAIN_SECONDS), "--no-webrtc");
  origin = startProcess(process.execPath, [CANOPY_COMMAND, ...args, "--recordings-dir", folder]);
  await waitFor("the origin", async () => (await fetch(url("/readyz"))).ok, 60_000);
});

afterAll(async () => {
  for (const process of started) await process.stop();
  await origin?.stop();
  rmSync(folder, { recursive: true });
});

describe("an origin that is drained", () => {
  it("describes how, obeys admins alone, and closes RTMP publishers at the deadline", async () => {
    const api = (await (await fetch(url("/v1/openapi.json"))).json()) as { paths: Record<string, object> };
    expect(Object.keys(api.paths["/v1/drain"] ?? {}).sort()).toEqual(["get", "post"]);
    expect([await drain(undefined), await drain("host")]).toEqual([401, 403]);
    expect((await fetch(url("/readyz"))).status).toBe(200);

    const token = await tokenOf("host");
    const publisher = publishWithFfmpeg(makeClip({}), `rtmp://127.0.0.1:${port + 1}/live/a?jwt=${token}`);
    started.push(publisher);
    await waitFor(
      "the broadcast",
      async () => (await fetch(url(`/v1/broadcasts/live/a?jwt=${token}`))).status === 200,
    );
    const startedAt = performance.now();
    expect(await drain("admin")).toBe(202);
    const ready = await fetch(url("/readyz"));
    expect(await ready.json()).toMatchObject({ status: "not ready", reasons: ["the node drains"] });
    await publisher.exited;
    expect(performance.now() - startedAt).toBeGreaterThan(DRAIN_SECONDS * 900);
    expect(await origin.exited).toBe(0);
  });
});
