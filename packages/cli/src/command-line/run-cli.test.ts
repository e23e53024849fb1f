import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClock, loadTokenKeys, TokenVerifier } from "@canopy/runtime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageVersion } from "./package-version.ts";
import { runCli } from "./run-cli.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "canopy-cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function run(args: string[], env: Record<string, string> = {}) {
  let out = "";
  let err = "";
  const code = await runCli(args, {
    script: "canopy.js",
    env,
    writeOut: (text) => {
      out += text;
    },
    writeErr: (text) => {
      err += text;
    },
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

describe("runCli", () => {
  it("prints help and version to stdout and exits with 0", async () => {
    const help = await run(["--help"]);
    expect(help).toMatchObject({ code: 0, err: "" });
    for (const name of ["dev", "origin", "edge", "broadcast", "token", "bench"]) {
      expect(help.out).toMatch(new RegExp(`^ {2}${name} `, "m"));
    }
    expect(await run(["--version"])).toEqual({ code: 0, out: `${packageVersion()}\n`, err: "" });
    expect((await run(["dev", "--help"])).out).toContain("--no-broadcaster");
  });

  it("prints the help as an error without a command", async () => {
    const { code, out, err } = await run([]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain("Usage: canopy");
  });

  it.each([
    [["dve"], "unknown command dve; did you mean dev?"],
    [["dev", "--prot", "1"], "unknown option --prot; did you mean --port?"],
    [["edge", "--parrent=x"], "unknown option --parrent; did you mean --parent?"],
    [["origin", "--workers", "2"], "origin has no option --workers: an origin is one process"],
    [["edge", "--workers", "none"], "--workers must be auto or a whole number from 1 to 256"],
    [["edge", "--workers", "2", "--port", "0"], "--workers needs a --port"],
    [["edge", "--workers", "2"], "no --token-key is given"],
    [["--verson"], "unknown option --verson; did you mean --version?"],
    [["dev", "--port", "many"], "--port must be a whole number from 0 to 65535"],
    [["dev", "--port"], "argument missing"],
    [["dev", "--port", "4440"], "port 4440 of --origin-port is also what --port takes"],
    [["dev", "surplus"], "too many arguments"],
    [["token", "--root", "live", "--get", "/"], "--token-key is needed"],
    [["token", "--get", "/"], "--root is needed"],
    [["token", "--root", "live"], "the token would grant nothing"],
    [["token", "--root", "live", "--get", "/", "--token-key", "/nowhere"], "cannot be read"],
    [["token", "--public-keys"], "--token-key is needed"],
    [["origin", "--token-key", "/nowhere"], "cannot be read"],
    [["origin", "--allow-anonymous", "--cors-origin", "tv.example.com"], "--cors-origin must be"],
    [["origin", "--allow-anonymous", "--trusted-proxy", "proxy"], "--trusted-proxy must be"],
    [["broadcast"], "--to is needed"],
    [["broadcast", "--to", "http://127.0.0.1:1/live/x"], "an http:// target is WHIP"],
    [["broadcast", "--to", "https://127.0.0.1:1"], "a MoQ target needs a broadcast path"],
    [["broadcast", "--to", "rtmp://127.0.0.1:1/live/x", "--width", "641"], "width must be an even number"],
    [["bench", "nothing-like-this"], "there is no benchmark nothing-like-this"],
    [["origin"], "confirm with --allow-anonymous"],
    [["edge", "--parent", "https://127.0.0.1:1"], "confirm with --allow-anonymous"],
    [["edge", "--allow-anonymous"], "--parent is needed"],
    [["edge", "--allow-anonymous", "--parent", "ftp://x"], "--parent must be"],
    [["edge", "--tls-cert", "a.pem"], "--tls-cert and --tls-key are given together"],
  ])("refuses %j with exit code 2 and says why", async (args, message) => {
    const { code, out, err } = await run(args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(message);
    expect(err).toMatch(/^canopy: .*\n$/);
  });

  it("refuses unknown variables and keys and names the nearest ones", async () => {
    const variable = await run(["token"], { CANOPY_TOKEN_KEI: "x" });
    expect(variable).toMatchObject({
      code: 2,
      err: expect.stringContaining("did you mean CANOPY_TOKEN_KEY?"),
    });
    const file = join(folder, "canopy.json");
    writeFileSync(file, JSON.stringify({ dev: { prot: 1 } }));
    const key = await run(["dev"], { CANOPY_CONFIG: file });
    expect(key).toMatchObject({ code: 2, err: expect.stringContaining("did you mean dev.port?") });
  });

  it("accepts variables of other commands and of the tests", async () => {
    const env = { CANOPY_RTMP_PORT: "1", CANOPY_TEST_CHROMIUM: "x", CANOPY_NEW_KEY: "HS256" };
    expect(await run(["token"], env)).toMatchObject({ code: 0, err: "" });
  });

  it("rotates keys: adds one to a set, signs with the one that is named, and shows what nodes need", async () => {
    const [old, both] = [join(folder, "old.jwk"), join(folder, "both.jwk")];
    writeFileSync(old, (await run(["token", "--new-key", "ES256", "--kid", "2026-11"])).out);
    const added = await run(["token", "--new-key", "EdDSA", "--kid", "2026-12", "--append-to", old]);
    writeFileSync(both, added.out);
    expect(await run(["token", "--new-key", "ES256", "--kid", "2026-11", "--append-to", old])).toMatchObject({
      code: 2,
      err: expect.stringContaining("has a key 2026-11 already"),
    });
    const args = ["token", "--root", "live", "--get", "/", "--token-key", both];
    const kidOf = (token: string): unknown =>
      JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;
    expect(kidOf((await run(args)).out)).toBe("2026-11");
    const signed = (await run([...args, "--kid", "2026-12"])).out.trim();
    expect(kidOf(signed)).toBe("2026-12");
    expect(await run([...args, "--kid", "2027"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("has no key 2027; it has 2026-11, 2026-12"),
    });
    const forNodes = (await run(["token", "--public-keys", "--token-key", both])).out;
    expect(JSON.parse(forNodes).keys.map(({ kid, d }: { kid: string; d?: string }) => [kid, d])).toEqual([
      ["2026-11", undefined],
      ["2026-12", undefined],
    ]);
    const verifier = new TokenVerifier({ keys: await loadTokenKeys(forNodes) }, { clock: createClock() });
    await expect(verifier.verify(signed)).resolves.toMatchObject({ root: "live" });
  });

  it.each(["HS256", "ES256", "EdDSA"])(
    "makes a %s key and a token that the verifier accepts",
    async (algorithm) => {
      const file = join(folder, `${algorithm}.jwk`);
      const key = (await run(["token", "--new-key", algorithm])).out;
      writeFileSync(file, key);
      const args = [
        "token",
        "--root",
        "/live/",
        "--put",
        "demo",
        "--get",
        "/",
        "--ttl",
        "2h",
        "--role",
        "host",
      ];
      const { code, out } = await run([...args, "--token-key", file]);
      expect(code).toBe(0);
      const clock = createClock();
      const claims = await new TokenVerifier({ keys: await loadTokenKeys(key) }, { clock }).verify(
        out.trim(),
      );
      expect(claims).toMatchObject({ root: "live", put: ["demo"], get: [""], canopy: { role: "host" } });
      expect(claims.expiresAtSeconds).toBeGreaterThan(clock.nowMs() / 1_000 + 7_000);
    },
  );
});
