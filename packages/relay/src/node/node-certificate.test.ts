import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSilentLogger } from "@canopy/runtime";
import { createDevelopmentCertificate } from "@canopy/transport/quic";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NodeCertificate, type TlsCertificate } from "./node-certificate.ts";

const DAY_MS = 24 * 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("NodeCertificate", () => {
  it("renews a development certificate before it ends, and tells", async () => {
    let made = 0;
    let nowMs = 0;
    const createDevelopmentCertificate = (): Promise<TlsCertificate> => {
      made += 1;
      const notAfter = new Date(nowMs + 12 * DAY_MS);
      return Promise.resolve({ certPem: "", keyPem: "", sha256Hex: `hash ${made}`, notAfter });
    };
    const certificate = await NodeCertificate.open(undefined, {
      logger: createSilentLogger(),
      createDevelopmentCertificate,
      nowMs: () => nowMs,
    });
    const told: string[] = [];
    certificate.onRenewed(({ sha256Hex }) => told.push(sha256Hex));
    nowMs = 10 * DAY_MS;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(certificate.current.sha256Hex).toBe("hash 1");
    nowMs = 11.5 * DAY_MS;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(certificate.current.sha256Hex).toBe("hash 2");
    expect(told).toEqual(["hash 2"]);
    certificate.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("takes files over once both are exchanged, whichever comes first", async () => {
    const folder = await mkdtemp(join(tmpdir(), "canopy-certificate-"));
    const certPath = join(folder, "cert.pem");
    const keyPath = join(folder, "key.pem");
    const [former, next] = [
      await createDevelopmentCertificate(["localhost"]),
      await createDevelopmentCertificate(["localhost"]),
    ];
    await writeFile(certPath, former.certPem);
    await writeFile(keyPath, former.keyPem);
    const certificate = await NodeCertificate.open(
      { certPath, keyPath },
      { logger: createSilentLogger(), createDevelopmentCertificate: () => Promise.resolve(former) },
    );
    const told: string[] = [];
    certificate.onRenewed(({ keyPem }) => told.push(keyPem));
    await writeFile(certPath, next.certPem);
    await expect(certificate.check()).rejects.toMatchObject({ code: "config-invalid" });
    expect(certificate.current.sha256Hex).toBe(former.sha256Hex);
    await writeFile(keyPath, next.keyPem);
    await certificate.check();
    expect(certificate.current.sha256Hex).toBe(next.sha256Hex);
    expect(told).toEqual([next.keyPem]);
    certificate.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    ["there is no such file", undefined, "--tls-cert", "cannot be read"],
    ["the file is no certificate", "not PEM", "--tls-cert", "holds no certificate"],
    ["the file is no key", "not PEM", "--tls-key", "holds no private key"],
  ])("says which option is wrong when %s", async (_, text, source, message) => {
    const folder = await mkdtemp(join(tmpdir(), "canopy-certificate-"));
    const certPath = join(folder, "cert.pem");
    const keyPath = join(folder, "key.pem");
    const { certPem, keyPem } = await createDevelopmentCertificate(["localhost"]);
    const [path, good] = source === "--tls-cert" ? [certPath, keyPath] : [keyPath, certPath];
    if (text !== undefined) await writeFile(path, text);
    await writeFile(good, good === keyPath ? keyPem : certPem);
    const deps = {
      logger: createSilentLogger(),
      createDevelopmentCertificate: () => Promise.reject(new Error("there are files")),
    };
    await expect(NodeCertificate.open({ certPath, keyPath }, deps)).rejects.toMatchObject({
      ...{ name: "ConfigError", code: "config-invalid", source },
      message: expect.stringContaining(message),
    });
    await rm(folder, { recursive: true });
  });
});
