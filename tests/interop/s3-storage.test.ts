import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { S3Storage } from "@canopy/origin";
import S3rver from "s3rver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePorts } from "../harness/free-ports.ts";

const signal = AbortSignal.timeout(60_000);

describe("S3Storage", () => {
  const folder = mkdtempSync(join(tmpdir(), "canopy-s3-"));
  const bucketFolder = mkdtempSync(join(tmpdir(), "canopy-bucket-"));
  let store: S3rver;
  let port: number;

  const open = (options: { readonly accessKey?: string; readonly bucket?: string } = {}) =>
    new S3Storage({
      endpoint: `http://127.0.0.1:${port}`,
      bucket: options.bucket ?? "canopy",
      prefix: "a/b",
      region: "us-east-1",
      accessKey: options.accessKey ?? "S3RVER",
      secretKey: "S3RVER",
    });

  function file(name: string, bytes: Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  beforeAll(async () => {
    port = await findFreePorts(1);
    store = new S3rver({
      address: "127.0.0.1",
      port,
      silent: true,
      directory: bucketFolder,
      configureBuckets: [{ name: "canopy" }],
    });
    await store.run();
  });

  afterAll(async () => {
    store.httpServer?.closeAllConnections();
    await store.close();
    for (const path of [folder, bucketFolder]) rmSync(path, { recursive: true, force: true });
  });

  it.each([
    ["nothing", 0],
    ["one piece", 1_000],
    ["parts", 20 * 1024 * 1024 + 7],
  ])("gives back what it has stored: %s", async (_what, size) => {
    const bytes = Buffer.alloc(size, "0123456789");
    const storage = open();
    await storage.store("01J", "video.mp4", file("video.mp4", bytes), signal);
    const whole = await storage.read("01J", "video.mp4", { method: "GET", range: undefined });
    expect(whole?.status).toBe(200);
    expect(whole?.headers["content-length"]).toBe(String(size));
    const read = whole?.body === undefined ? Buffer.alloc(0) : await buffer(whole.body);
    expect(Buffer.compare(read, bytes)).toBe(0);
    if (size === 0) return;
    const part = await storage.read("01J", "video.mp4", { method: "GET", range: "bytes=3-5" });
    expect(part).toMatchObject({ status: 206, headers: { "content-range": `bytes 3-5/${size}` } });
    expect(part?.body && (await buffer(part.body)).toString()).toBe("345");
  });

  it("knows what it does not have", async () => {
    expect(await open().read("01J", "none.mp4", { method: "GET", range: undefined })).toBeUndefined();
  });

  it("removes everything of one recording, and nothing else", async () => {
    const storage = open();
    for (const id of ["01K", "01KX"])
      await storage.store(id, "index.m3u8", file("x", Buffer.from("x")), signal);
    await storage.remove("01K");
    expect(await storage.read("01K", "index.m3u8", { method: "GET", range: undefined })).toBeUndefined();
    expect((await storage.read("01KX", "index.m3u8", { method: "HEAD", range: undefined }))?.status).toBe(
      200,
    );
    expect(readdirSync(bucketFolder)).toContain("canopy");
  });

  it("says why the store refuses", async () => {
    const path = file("y", Buffer.from("y"));
    await expect(open({ accessKey: "wrong" }).store("01J", "y", path, signal)).rejects.toMatchObject({
      code: "storage-failed",
      message: "The object store answered 403 (InvalidAccessKeyId).",
    });
    await expect(open({ bucket: "none" }).store("01J", "y", path, signal)).rejects.toMatchObject({
      message: "The object store answered 404 (NoSuchBucket).",
    });
    const nowhere = new S3Storage({
      endpoint: `http://127.0.0.1:${await findFreePorts(1)}`,
      bucket: "canopy",
      prefix: "",
      region: "us-east-1",
      accessKey: "a",
      secretKey: "b",
    });
    await expect(nowhere.store("01J", "y", path, signal)).rejects.toMatchObject({
      message: "The object store does not answer (ECONNREFUSED).",
    });
  });
});
