import {
  ConfigError,
  createClock,
  type GroupValues,
  listJwks,
  loadTokenKeys,
  normalizeScopePath,
  signToken,
  type TokenAlgorithm,
} from "@canopy/runtime";
import { exportJWK, generateKeyPair, generateSecret, type JWK } from "jose";
import type { CommandContext } from "../command-line/command-context.ts";
import type { tokenGroup } from "../config/token-group.ts";
import { loadSigningKey } from "../node/load-signing-key.ts";
import { readText } from "../node/read-text.ts";

/** Prints one token, or with `--new-key` one key, or with `--public-keys` the keys for nodes. */
export async function printToken(
  config: GroupValues<typeof tokenGroup>,
  context: CommandContext,
): Promise<void> {
  if (config.newKey !== "none") {
    context.writeOut(`${JSON.stringify(await newKeys(config.newKey, config))}\n`);
    return;
  }
  if (config.tokenKey === undefined && config.publicKeys) throw noKeyFile();
  if (config.tokenKey !== undefined && config.publicKeys) {
    context.writeOut(`${JSON.stringify(await publicKeys(config.tokenKey))}\n`);
    return;
  }
  if (config.root === undefined) throw wrong("--root is needed: the path that the token is about", "--root");
  if (config.put.length === 0 && config.get.length === 0) {
    throw wrong("the token would grant nothing: give --put or --get", "--put");
  }
  if (config.tokenKey === undefined) throw noKeyFile();
  const key = await loadSigningKey(config.tokenKey, config.kid);
  const issuedAtSeconds = Math.floor(createClock().nowMs() / 1_000);
  const canopy = {
    ...(config.user === undefined ? {} : { user: config.user }),
    ...(config.room === undefined ? {} : { room: config.room }),
    ...(config.role === "none" ? {} : { role: config.role }),
  };
  const token = await signToken(
    {
      root: normalizeScopePath(config.root),
      put: config.put.map(normalizeScopePath),
      get: config.get.map(normalizeScopePath),
      issuedAtSeconds,
      expiresAtSeconds: issuedAtSeconds + config.ttl,
      ...(Object.keys(canopy).length === 0 ? {} : { canopy }),
    },
    key,
  );
  context.writeOut(`${token}\n`);
}

function noKeyFile(): ConfigError {
  return wrong("--token-key is needed; canopy token --new-key HS256 makes one", "--token-key");
}

async function newKeys(
  algorithm: TokenAlgorithm,
  { kid, appendTo }: Pick<GroupValues<typeof tokenGroup>, "kid" | "appendTo">,
): Promise<object> {
  const key = await createKey(algorithm, kid ?? crypto.randomUUID());
  if (appendTo === undefined) return key;
  const content = await readText(appendTo, "--append-to");
  const present = await loadTokenKeys(content);
  if (present.some(({ id }) => id === kid && kid !== undefined)) {
    throw wrong(`the file of --append-to has a key ${kid} already`, "--kid");
  }
  const set = { keys: [...listJwks(content), key] };
  // As nodes will read it: its limits are theirs.
  await loadTokenKeys(JSON.stringify(set));
  return set;
}

/** RFC 7518 section 6: without the parts that are private. A shared secret has no other part. */
async function publicKeys(path: string): Promise<object> {
  const content = await readText(path, "--token-key");
  await loadTokenKeys(content);
  const keys = (listJwks(content) as JWK[]).map(({ d: _private, ...key }) => key);
  if (keys.some(({ kty }) => kty === "oct")) {
    throw wrong("a key of --token-key is a shared secret (HS256), which has no public part", "--token-key");
  }
  return { keys };
}

async function createKey(algorithm: TokenAlgorithm, kid: string): Promise<object> {
  if (algorithm === "HS256") {
    const secret = await generateSecret(algorithm, { extractable: true });
    return { ...(await exportJWK(secret)), alg: algorithm, kid, use: "sig" };
  }
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: algorithm, kid, use: "sig" };
}

function wrong(message: string, source: string): ConfigError {
  return new ConfigError("config-invalid", message, source);
}
