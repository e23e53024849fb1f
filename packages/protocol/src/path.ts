import { MAX_PATH_SEGMENTS } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

/**
 * The path without leading, trailing and doubled slashes.
 * @throws ProtocolError `too-large` if it has more than 32 segments.
 */
export function normalizePath(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  if (segments.length > MAX_PATH_SEGMENTS) {
    throw new ProtocolError("too-large", `a path has ${segments.length} segments`);
  }
  return segments.join("/");
}

/** Whether `prefix` covers `path`, on whole segments: `a` covers `a` and `a/b`, not `ab`. Both are normalized. */
export function pathHasPrefix(path: string, prefix: string): boolean {
  return (
    prefix === "" || path === prefix || (path.startsWith(prefix) && path.charCodeAt(prefix.length) === SLASH)
  );
}

/** What is left of `path` behind `prefix`, without a leading slash; undefined if the prefix does not cover it. */
export function pathSuffix(path: string, prefix: string): string | undefined {
  if (!pathHasPrefix(path, prefix)) {
    return undefined;
  }
  if (prefix === "") {
    return path;
  }
  return path.slice(prefix.length + 1);
}

/** Prefix and suffix in one path; either may be empty. */
export function joinPath(prefix: string, suffix: string): string {
  if (prefix === "" || suffix === "") {
    return prefix + suffix;
  }
  return `${prefix}/${suffix}`;
}

const SLASH = 0x2f;
