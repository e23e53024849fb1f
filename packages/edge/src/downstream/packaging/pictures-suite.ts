/** Real parameter sets of x264 at 160x90, and pictures that nobody decodes. */
export const BASELINE_SPS = "6742c00bd9028df930110000030001000003003c0f142a48";
export const MAIN_SPS = "674d400bd9028df930110000030001000003003c0f142a48";
export const HIGH_SPS_WITH_B_FRAMES = "6764000bacd9428df930110000030001000003003c0f142996";

const PPS = "68cb804d2c80";

/** Annex B of NAL units in hex. */
export function annexB(...nals: readonly string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(nals.map((nal) => `00000001${nal}`).join(""), "hex"));
}

/** With more units in front of the slice, if wished. */
export function keyframe(sps = BASELINE_SPS, ...more: readonly string[]): Uint8Array {
  return annexB("0910", sps, PPS, ...more, "658801");
}

export const PICTURE = annexB("419a02");
