import { DEFAULT_TIMED_LIMITS } from "@canopy/origin";
import type { PostedMessage } from "./post-timed.ts";

/** Access units that carry a message when the request names no other number. */
const COPIES = 3;

/**
 * Which access units carry each message in SEI, by their place in the stream: the first one in decoding order that is
 * not before its time, and the two after it that are not. Where more messages are due than one unit takes (a publisher
 * that was kept from running for half a second has left many without a picture), the rest wait for the next one.
 */
export function timedCarriers(
  posted: readonly PostedMessage[],
  unitTimesUs: readonly number[],
): ReadonlyMap<PostedMessage, readonly number[]> {
  // The ids of the origin rise.
  const waiting = [...posted].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  const carriers = new Map<PostedMessage, number[]>(posted.map((message) => [message, []]));
  for (const [unit, timeUs] of unitTimesUs.entries()) {
    const due = waiting.filter(({ at }) => at <= timeUs).slice(0, DEFAULT_TIMED_LIMITS.maxPerAccessUnit);
    for (const message of due) {
      const units = carriers.get(message) ?? [];
      units.push(unit);
      if (units.length === COPIES) waiting.splice(waiting.indexOf(message), 1);
    }
  }
  return carriers;
}
