/** Deeper than any catalog; bounds the recursion. What lies deeper is dropped. */
const MAX_DEPTH = 16;

/** A copy of parsed JSON without members and elements that are null. */
export function withoutNulls(value: unknown, depth = MAX_DEPTH): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return undefined;
  if (Array.isArray(value)) {
    return value.map((element) => withoutNulls(element, depth - 1)).filter(isPresent);
  }
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]) => [key, withoutNulls(member, depth - 1)] as const)
      .filter(([, member]) => isPresent(member)),
  );
}

function isPresent(value: unknown): boolean {
  return value !== null && value !== undefined;
}
