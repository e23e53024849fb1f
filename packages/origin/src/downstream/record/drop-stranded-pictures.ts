/** A step of presentation times this much longer than the usual one is a picture that is missing. */
const HOLE_FACTOR = 1.5;

/**
 * Takes out the reordered pictures at the end whose neighbours never came: the publisher was cut off between a reference
 * and the last of the pictures shown before it. The muxer takes a group's sorted presentation times as decoding times,
 * and would have such a picture decoded after it is shown. What is whole is left as it is.
 *
 * @param packets of one segment, in decoding order; changed
 */
export function dropStrandedPictures(packets: { readonly timestamp: number }[]): void {
  const times = packets.map(({ timestamp }) => timestamp).sort((a, b) => a - b);
  const newest = times.at(-1);
  if (newest === undefined || packets.at(-1)?.timestamp === newest) return;
  const steps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  const lastStep = steps.at(-1) ?? 0;
  const usualStep = steps.sort((a, b) => a - b)[Math.floor((steps.length - 1) / 2)] ?? 0;
  if (lastStep <= usualStep * HOLE_FACTOR) return;
  while ((packets.at(-1)?.timestamp ?? newest) < newest) packets.pop();
}
