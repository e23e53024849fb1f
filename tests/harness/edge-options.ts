import type { EdgeNodeOptions } from "@canopy/edge";
import type { TokenVerifier } from "@canopy/runtime";

/** An edge on a free port of this machine, open to everybody unless there is a `verifier`, and without a parent. */
export function edgeOptions(
  verifier: TokenVerifier | undefined,
  changes: Partial<EdgeNodeOptions>,
): EdgeNodeOptions {
  return {
    name: "edge",
    tier: 2,
    host: "127.0.0.1",
    port: 0,
    tls: undefined,
    allowAnonymous: verifier === undefined,
    maxSessions: 2_000,
    maxSessionsPerAddress: 2_000,
    parents: [],
    parentTrust: { ca: undefined, sha256: [] },
    parentToken: undefined,
    ...changes,
  };
}
