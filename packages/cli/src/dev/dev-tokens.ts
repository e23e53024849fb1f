import { createClock, signToken } from "@canopy/runtime";
import { loadSigningKey } from "../node/load-signing-key.ts";

/** What `canopy dev` shows its own nodes, and whoever reads its output. */
export interface DevTokens {
  /** Grants everything. */
  readonly operator: string;
  /** Publishes and watches everything. */
  readonly publisher: string;
  /** Watches everything. */
  readonly viewer: string;
}

/** Longer than a tree for trying things out runs. */
const TTL_SECONDS = 30 * 24 * 3_600;

/** Tokens by the key in the file of `--token-key`. Throws ConfigError if there is none that signs. */
export async function createDevTokens(keyPath: string): Promise<DevTokens> {
  const key = await loadSigningKey(keyPath);
  const issuedAtSeconds = Math.floor(createClock().nowMs() / 1_000);
  const all = { root: "", get: [""], issuedAtSeconds, expiresAtSeconds: issuedAtSeconds + TTL_SECONDS };
  return {
    operator: await signToken({ ...all, put: [""], canopy: { role: "admin" } }, key),
    publisher: await signToken({ ...all, put: [""] }, key),
    viewer: await signToken({ ...all, put: [] }, key),
  };
}
