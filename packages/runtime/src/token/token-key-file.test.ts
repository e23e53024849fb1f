import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger } from "../log/logger.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createClock } from "../time/clock.ts";
import { signToken } from "./sign-token.ts";
import { loadTokenKeys } from "./token-key.ts";
import { TokenKeyFile } from "./token-key-file.ts";

const jwk = (fill: number, kid: string) => ({
  kty: "oct",
  kid,
  k: Buffer.alloc(32, fill).toString("base64url"),
});
const set = (...keys: object[]): string => JSON.stringify({ keys });

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-keys-"));
  path = join(folder, "keys.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

async function open() {
  const lines: string[] = [];
  const metrics = createMetrics({ processMetrics: false });
  const logger = createLogger({ level: "info", pretty: false }, { write: (line) => lines.push(line) });
  const file = await TokenKeyFile.open(
    { path, checkIntervalMs: 1e9 },
    { clock: createClock(), logger, metrics },
  );
  const reloads = (kind: string) => metrics.value("canopy_token_key_reloads_total", kind);
  return { file, lines, reloads };
}

async function tokenOf(key: object): Promise<string> {
  const [signing] = await loadTokenKeys(JSON.stringify(key));
  if (signing === undefined) throw new Error("one key was given");
  return signToken(
    { root: "", put: [], get: [""], issuedAtSeconds: 1, expiresAtSeconds: undefined },
    signing,
  );
}

describe("TokenKeyFile", () => {
  it("takes keys that come and lets go of those that were taken out", async () => {
    writeFileSync(path, set(jwk(1, "a")));
    const { file, reloads } = await open();
    const [a, b] = [await tokenOf(jwk(1, "a")), await tokenOf(jwk(2, "b"))];
    await expect(file.verifier.verify(b)).rejects.toThrow("known key");
    writeFileSync(path, set(jwk(1, "a"), jwk(2, "b")));
    await file.check();
    await expect(file.verifier.verify(a)).resolves.toBeDefined();
    await expect(file.verifier.verify(b)).resolves.toBeDefined();
    writeFileSync(path, set(jwk(2, "b")));
    await file.check();
    await expect(file.verifier.verify(a)).rejects.toThrow("known key");
    await file.check();
    expect(reloads("taken")).toBe(2);
    file.close();
  });

  it("follows a link that is moved to another file, as mounted secrets are exchanged", async () => {
    for (const [name, fill] of [
      ["one", 1],
      ["two", 2],
    ] as const) {
      writeFileSync(join(folder, name), set(jwk(fill, name)));
      symlinkSync(join(folder, name), join(folder, `link-${name}`));
    }
    renameSync(join(folder, "link-one"), path);
    const { file } = await open();
    renameSync(join(folder, "link-two"), path);
    await file.check();
    await expect(file.verifier.verify(await tokenOf(jwk(2, "two")))).resolves.toBeDefined();
    file.close();
  });

  it("keeps the keys it has when the new ones cannot be used, and says so once without showing them", async () => {
    writeFileSync(path, set(jwk(1, "a")));
    const { file, lines, reloads } = await open();
    const a = await tokenOf(jwk(1, "a"));
    writeFileSync(path, '{"keys":[{"kty":"oct","k":"c2hvcnQtc2VjcmV0"}]}');
    await file.check();
    await file.check();
    rmSync(path);
    await file.check();
    await file.check();
    await expect(file.verifier.verify(a)).resolves.toBeDefined();
    expect(reloads("refused")).toBe(2);
    expect(lines).toHaveLength(2);
    expect(lines.join("")).not.toContain("c2hvcnQtc2VjcmV0");
    writeFileSync(path, set(jwk(1, "a")));
    await file.check(true);
    expect(reloads("taken")).toBe(1);
    file.close();
  });
});
