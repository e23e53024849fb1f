/** Path rules of moq-lite (digest §1.1): segments joined by single slashes, none at the ends. */
export function normalizePath(path: string): string {
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .join("/");
}

/** Whole segments only: `a` covers `a` and `a/b`, not `ab`; the empty prefix covers everything. */
export function pathHasPrefix(path: string, prefix: string): boolean {
  if (prefix === "" || path === prefix) return true;
  return path.length > prefix.length && path.startsWith(prefix) && path.charCodeAt(prefix.length) === 0x2f;
}

export function joinPath(parent: string, child: string): string {
  if (parent === "") return child;
  return child === "" ? parent : `${parent}/${child}`;
}

/** The rest of `path` below `prefix`, without a leading slash; only for paths that have the prefix. */
export function pathSuffix(path: string, prefix: string): string {
  if (prefix === "") return path;
  return path.slice(prefix.length + 1);
}
