import {
  ConfigError,
  createClock,
  type GroupValues,
  loadTokenKeys,
  normalizeScopePath,
  signToken,
  type TokenAlgorithm,
} from "@canopy/runtime";
import { exportJWK, generateKeyPair, generateSecret } from "jose";
import type { CommandContext } from "../command-line/command-context.ts";
import type { tokenGroup } from "../config/token-group.ts";
import { readText } from "../node/read-text.ts";

/** Prints one token, or with `--new-key` one key. */
export async function printToken(
  config: GroupValues<typeof tokenGroup>,
  context: CommandContext,
): Promise<void> {
  if (config.newKey !== "none") {
    context.writeOut(`${JSON.stringify(await createKey(config.newKey))}\n`);
    return;
  }
  if (config.root === undefined) throw wrong("--root is needed: the path that the token is about", "--root");
  if (config.put.length === 0 && config.get.length === 0) {
    throw wrong("the token would grant nothing: give --put or --get", "--put");
  }
  if (config.tokenKey === undefined) {
    throw wrong("--token-key is needed; canopy token --new-key HS256 makes one", "--token-key");
  }
  const key = (await loadTokenKeys(await readText(config.tokenKey, "--token-key"))).find(
    ({ signKey }) => signKey !== undefined,
  );
  if (key === undefined) throw wrong("the file of --token-key has no key that signs", "--token-key");
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

async function createKey(algorithm: TokenAlgorithm): Promise<object> {
  const kid = crypto.randomUUID();
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
