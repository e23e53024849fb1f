/** Whether a broadcast's path fits a pattern: `*` stands for a part of one segment, `**` for any number of segments. */
export function matchPath(path: string, pattern: string): boolean {
  return matchSegments(path.split("/"), 0, pattern.split("/"), 0);
}

function matchSegments(
  path: readonly string[],
  at: number,
  pattern: readonly string[],
  from: number,
): boolean {
  const wanted = pattern[from];
  if (wanted === undefined) return at === path.length;
  if (wanted === "**") {
    // Also for none; patterns come from the operator, and have few segments.
    for (let next = at; next <= path.length; next += 1) {
      if (matchSegments(path, next, pattern, from + 1)) return true;
    }
    return false;
  }
  const segment = path[at];
  return (
    segment !== undefined && matchSegment(segment, wanted) && matchSegments(path, at + 1, pattern, from + 1)
  );
}

/** Greedy from star to star: a later place for an earlier part would leave less for the rest. */
function matchSegment(segment: string, wanted: string): boolean {
  const [head = "", ...parts] = wanted.split("*");
  const tail = parts.pop();
  if (tail === undefined) return segment === head;
  if (segment.length < head.length + tail.length) return false;
  if (!segment.startsWith(head) || !segment.endsWith(tail)) return false;
  const middle = segment.slice(head.length, segment.length - tail.length);
  let at = 0;
  for (const part of parts) {
    const found = middle.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}
