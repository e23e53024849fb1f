import { createSilentLogger } from "@canopy/runtime";
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
});
