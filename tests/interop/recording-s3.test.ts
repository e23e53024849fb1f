import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeClip, publishWithFfmpeg } from "../harness/ffmpeg.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { TestOrigin } from "../harness/origin.ts";
import { decodeErrors, probe } from "../harness/probe-media.ts";
import { metric } from "../harness/scrape-metrics.ts";
import { waitFor } from "../harness/wait-for.ts";

interface RecordingAnswer {
  readonly id: string;
  readonly state: string;
  readonly bytes: number;
  readonly durationSeconds: number;
  readonly pendingUploads?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

const BUCKET = "canopy";
/** Above what goes up in one piece. */
const LARGE_BYTES = 8 * 1024 * 1024;
/** That many of them within seconds. */
const largeClip = () => makeClip({ size: "1280x720", bitrateKbps: 24_000, seconds: 10 });

describe("recording into an object store", () => {
  const folder = mkdtempSync(join(tmpdir(), "canopy-s3-local-"));
  const bucketFolder = mkdtempSync(join(tmpdir(), "canopy-s3-store-"));
  let port: number;
  let store: S3rver;
  let origin: TestOrigin;

  async function openStore(): Promise<void> {
    store = new S3rver({
      address: "127.0.0.1",
      port,
      silent: true,
      directory: bucketFolder,
      configureBuckets: [{ name: BUCKET }],
    });
    await store.run();
  }

  async function closeStore(): Promise<void> {
    // Connections that clients keep would hold it open.
    store.httpServer?.closeAllConnections();
    await store.close();
  }

  async function startOrigin(accessKey = "S3RVER"): Promise<TestOrigin> {
    const s3 = {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: BUCKET,
      prefix: "rec",
      region: "us-east-1",
      accessKey,
      secretKey: "S3RVER",
    };
    return TestOrigin.start({ recordings: { folder, segmentMs: 1_000, s3 } });
  }

  async function look(id: string): Promise<RecordingAnswer> {
    return (await (await fetch(`${origin.api}/v1/recordings/${id}`)).json()) as RecordingAnswer;
  }

  async function start(broadcast: string): Promise<string> {
    const response = await fetch(`${origin.api}/v1/recordings`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ broadcast }),
    });
    return ((await response.json()) as { id: string }).id;
  }

  beforeAll(async () => {
    // Making them stops this process, which the origin and the store are in.
    makeClip({});
    largeClip();
    port = await findFreePorts(1);
    await openStore();
    origin = await startOrigin();
  });

  afterAll(async () => {
    await origin?.[Symbol.asyncDispose]();
    await closeStore();
    for (const path of [folder, bucketFolder]) rmSync(path, { recursive: true, force: true });
  });

  it("uploads while it records, survives an outage of the store, and plays from there", async () => {
    const id = await start("live/a");
    await using _ = publishWithFfmpeg(largeClip(), `${origin.rtmp}/live/a`);
    await waitFor("a first upload", async () => (await metric(origin.api, STORED)) > 2);
    await closeStore();
    const stuck = await waitFor("an upload to fail", async () => {
      const recording = await look(id);
      return recording.error !== undefined && recording;
    });
    expect(stuck.error).toMatchObject({ code: "storage-failed" });
    expect(stuck.state).toBe("recording");
    await waitFor("enough for a large file", async () => (await look(id)).bytes > 1.2 * LARGE_BYTES, 60_000);
    expect((await look(id)).pendingUploads).toBeGreaterThan(0);
    await openStore();
    await fetch(`${origin.api}/v1/recordings/${id}`, { method: "DELETE" });
    const ready = await waitFor(
      "everything to be stored",
      async () => {
        const recording = await look(id);
        return recording.state === "ready" && recording;
      },
      60_000,
    );
    expect(ready.pendingUploads).toBeUndefined();
    // The media is in the store alone.
    expect(readdirSync(join(folder, id)).filter((name) => /\.(m4s|mp4)$/.test(name))).toEqual([]);
    for (const name of ["video.mp4", "index.m3u8"]) {
      const url = `${origin.api}/recordings/${id}/${name}`;
      const { durationSeconds } = await probe(url);
      expect(Math.abs(durationSeconds - ready.durationSeconds)).toBeLessThan(0.5);
      expect(await decodeErrors(url)).toBe("");
    }
    const part = await fetch(`${origin.api}/recordings/${id}/video.mp4`, { headers: { range: "bytes=4-7" } });
    expect(part.status).toBe(206);
    expect(await part.text()).toBe("ftyp");

    expect((await fetch(`${origin.api}/v1/recordings/${id}?purge=true`, { method: "DELETE" })).status).toBe(
      204,
    );
    expect(
      readdirSync(join(bucketFolder, BUCKET), { recursive: true }).filter((name) =>
        String(name).includes(`${id}/`),
      ),
    ).toEqual([]);
  });

  it("stores also what an earlier process has recorded", async () => {
    const id = await start("live/b");
    const publisher = publishWithFfmpeg(makeClip({}), `${origin.rtmp}/live/b`);
    await waitFor("some of it", async () => (await look(id)).durationSeconds > 2);
    await closeStore();
    await waitFor("more of it", async () => (await look(id)).durationSeconds > 4);
    await publisher.stop();
    await origin[Symbol.asyncDispose]();
    await openStore();
    origin = await startOrigin();
    expect((await look(id)).state).toBe("waiting");
    await fetch(`${origin.api}/v1/recordings/${id}`, { method: "DELETE" });
    await waitFor("everything to be stored", async () => (await look(id)).state === "ready");
    const url = `${origin.api}/recordings/${id}/index.m3u8`;
    expect((await probe(url)).durationSeconds).toBeGreaterThan(3.5);
    expect(await decodeErrors(url)).toBe("");
  });

  it("tells of a store that refuses the key, and keeps the files on the disk", async () => {
    await origin[Symbol.asyncDispose]();
    origin = await startOrigin("wrong");
    const id = await start("live/c");
    await using _ = publishWithFfmpeg(makeClip({}), `${origin.rtmp}/live/c`);
    const refused = await waitFor("a refusal", async () => {
      const recording = await look(id);
      return recording.error !== undefined && recording;
    });
    expect(refused.error?.message).toMatch(/403 \(InvalidAccessKeyId\)/);
    expect(await metric(origin.api, 'canopy_recording_uploads_total{kind="failed"}')).toBeGreaterThan(0);
    expect((await fetch(`${origin.api}/recordings/${id}/index.m3u8`)).status).toBe(200);
  });
});

const STORED = 'canopy_recording_uploads_total{kind="stored"}';
