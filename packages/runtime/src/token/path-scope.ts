/** Broadcast paths and their prefixes: segments separated by `/`, none empty. */

/** Drops leading, trailing and doubled slashes. */
export function normalizeScopePath(path: string): string {
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .join("/");
}

/** True if `path` is `prefix` or lies below it; `""` is above everything. Both normalized. */
export function isUnder(path: string, prefix: string): boolean {
  return prefix === "" || path === prefix || path.startsWith(`${prefix}/`);
}

export function joinPaths(root: string, path: string): string {
  if (root === "") return path;
  return path === "" ? root : `${root}/${path}`;
}

/** What a session may do. All prefixes are relative to `root`, as every name in the session is. */
export interface SessionScope {
  /** The path of the session's URL, normalized. */
  readonly root: string;
  /** Prefixes it may publish below; empty = none. */
  readonly put: readonly string[];
  /** Prefixes it may subscribe below; empty = none. */
  readonly get: readonly string[];
}

/** What a token grants; prefixes are relative to `root` (moq-token). */
export interface Grant {
  readonly root: string;
  readonly put: readonly string[];
  readonly get: readonly string[];
}

/** Everything, for nodes that run open. */
export const FULL_GRANT: Grant = { root: "", put: [""], get: [""] };

/**
 * Moves a grant into a session whose URL path is `sessionRoot`. The session's root may be deeper than a granted prefix
 * (then all of the session is covered by it) or above it (then the prefix carries the remainder). Undefined when
 * nothing of the grant is left: the session must be refused.
 */
export function scopeSession(grant: Grant, sessionRoot: string): SessionScope | undefined {
  const root = normalizeScopePath(sessionRoot);
  const grantRoot = normalizeScopePath(grant.root);
  const move = (prefixes: readonly string[]): string[] => {
    const moved = new Set<string>();
    for (const prefix of prefixes) {
      const absolute = joinPaths(grantRoot, normalizeScopePath(prefix));
      if (isUnder(root, absolute)) moved.add("");
      else if (isUnder(absolute, root)) moved.add(root === "" ? absolute : absolute.slice(root.length + 1));
    }
    return moved.has("") ? [""] : [...moved];
  };
  const scope = { root, put: move(grant.put), get: move(grant.get) };
  return scope.put.length === 0 && scope.get.length === 0 ? undefined : scope;
}

/** `path` is relative to the session's root, normalized. */
export function mayPut(scope: SessionScope, path: string): boolean {
  return scope.put.some((prefix) => isUnder(path, prefix));
}

/** `path` is relative to the session's root, normalized. */
export function mayGet(scope: SessionScope, path: string): boolean {
  return scope.get.some((prefix) => isUnder(path, prefix));
}
