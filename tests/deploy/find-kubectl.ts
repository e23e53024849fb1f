import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../harness/repository-root.ts";

/** Where `npm test` puts kubectl on a machine that has none, or one that is too old. */
const INSTALLED = join(ROOT, ".canopy", "kubectl", "kubectl", "kubectl");
/** The first major version of kustomize that knows all that the manifests use. */
const OLDEST_KUSTOMIZE = 5;

/** A kubectl whose kustomize renders the manifests; nothing of it needs a cluster. */
export function findKubectl(): string {
  const found = ["kubectl", INSTALLED].find((program) => {
    if (program === INSTALLED && !existsSync(program)) return false;
    try {
      const text = execFileSync(program, ["version", "--client"], { encoding: "utf8", stdio: "pipe" });
      return Number(/Kustomize Version: v(\d+)/.exec(text)?.[1]) >= OLDEST_KUSTOMIZE;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new Error(
    "kubectl with kustomize 5 is needed: run `npm test` once, which installs it, or install it",
  );
}
