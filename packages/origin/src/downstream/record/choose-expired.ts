import type { RecordingInfo } from "./recording-info.ts";
import type { RecordingOptions } from "./recording-options.ts";

/** Which finished recordings the rules let go of: those that are too old, then the oldest until the rest fits. */
export function chooseExpired(
  finished: readonly RecordingInfo[],
  rules: Pick<RecordingOptions, "maxAgeMs" | "maxBytes">,
  nowMs: number,
): { readonly id: string; readonly reason: "age" | "bytes" }[] {
  const newestFirst = finished.toSorted((left, right) => right.finishedMs - left.finishedMs);
  const expired: { id: string; reason: "age" | "bytes" }[] = [];
  let bytes = 0;
  for (const info of newestFirst) {
    if (rules.maxAgeMs > 0 && nowMs - info.finishedMs > rules.maxAgeMs) {
      expired.push({ id: info.id, reason: "age" });
      continue;
    }
    bytes += info.bytes;
    if (rules.maxBytes > 0 && bytes > rules.maxBytes) expired.push({ id: info.id, reason: "bytes" });
  }
  return expired;
}
