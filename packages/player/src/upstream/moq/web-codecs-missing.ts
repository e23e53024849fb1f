/** Why encoded frames cannot be played in this browser. */
export function webCodecsMissing(): string | undefined {
  if (typeof VideoDecoder !== "function") return "this browser has no WebCodecs, or the page is not secure";
  return undefined;
}
