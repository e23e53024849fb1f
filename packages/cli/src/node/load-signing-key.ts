import { ConfigError, loadTokenKeys, type TokenKey } from "@canopy/runtime";
import { readText } from "./read-text.ts";

/** The first key in the file of `--token-key` that signs, or the one of that id. Throws ConfigError if there is none. */
export async function loadSigningKey(path: string, kid?: string): Promise<TokenKey> {
  const keys = await loadTokenKeys(await readText(path, "--token-key"));
  const named = kid === undefined ? keys : keys.filter(({ id }) => id === kid);
  if (named.length === 0) {
    const known = keys.flatMap(({ id }) => id ?? []).join(", ");
    throw wrong(`the file of --token-key has no key ${kid}; it has ${known || "none with a kid"}`, "--kid");
  }
  const key = named.find(({ signKey }) => signKey !== undefined);
  if (key === undefined) {
    const which =
      kid === undefined ? "no key that signs" : `only the public part of ${kid}, which does not sign`;
    throw wrong(`the file of --token-key has ${which}`, "--token-key");
  }
  return key;
}

function wrong(message: string, source: string): ConfigError {
  return new ConfigError("config-invalid", message, source);
}
