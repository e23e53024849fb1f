import { MediaError } from "../media-error.ts";
import { findStartCode, firstNalStart, writeNal } from "./annex-b.ts";

/**
 * A new access unit with `nals` in front of the first unit whose header byte `precedes` does not accept.
 * Looks at no byte behind that header. @throws MediaError "missing-slice" when there is no such unit.
 */
export function insertBeforePicture(
  annexB: Uint8Array,
  nals: readonly Uint8Array[],
  precedes: (header: number | undefined) => boolean,
): Uint8Array<ArrayBuffer> {
  let start = firstNalStart(annexB);
  while (start >= 0 && precedes(annexB[start])) {
    const code = findStartCode(annexB, start);
    start = code < 0 ? -1 : code + 3;
  }
  if (start < 0) throw new MediaError("missing-slice", "SEI without a picture to carry it");
  let position = start - 3;
  while (position > 0 && annexB[position - 1] === 0) position -= 1;
  let extra = 0;
  for (const nal of nals) extra += 4 + nal.length;
  const result = new Uint8Array(annexB.length + extra);
  result.set(annexB.subarray(0, position));
  let at = position;
  for (const nal of nals) at = writeNal(result, at, nal);
  result.set(annexB.subarray(position), at);
  return result;
}
