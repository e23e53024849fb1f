import { createPrivateKey, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createDevelopmentCertificate } from "./certificate.ts";

const DAY_MS = 24 * 3_600_000;

describe("createDevelopmentCertificate", () => {
  test("is a self-signed P-256 certificate that a browser takes by its hash", async () => {
    const hosts = ["localhost", "127.0.0.1", "::1", "2001:db8::a:1"];
    const { certPem, keyPem, sha256Hex, notAfter } = await createDevelopmentCertificate(hosts);
    const certificate = new X509Certificate(certPem);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
    expect(certificate.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(sha256Hex);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(certificate.checkHost("localhost")).toBe("localhost");
    for (const address of hosts.slice(1)) expect(certificate.checkIP(address)).toBe(address);
    expect(certificate.checkIP("127.0.0.2")).toBeUndefined();
    const lifetimeMs = Date.parse(certificate.validTo) - Date.parse(certificate.validFrom);
    expect(lifetimeMs).toBeLessThanOrEqual(14 * DAY_MS);
    expect(Date.parse(certificate.validTo)).toBe(Math.floor(notAfter.getTime() / 1_000) * 1_000);
    expect(notAfter.getTime()).toBeGreaterThan(Date.now() + 7 * DAY_MS);
  });

  test("makes a new key and serial number every time", async () => {
    const first = await createDevelopmentCertificate(["localhost"]);
    const second = await createDevelopmentCertificate(["localhost"]);
    expect(first.sha256Hex).not.toBe(second.sha256Hex);
    expect(new X509Certificate(first.certPem).serialNumber).not.toBe(
      new X509Certificate(second.certPem).serialNumber,
    );
  });
});
