import type { BitReader } from "../bytes/bit-reader.ts";

/** st_ref_pic_set() of all sets of an SPS, ITU-T H.265 §7.3.7; read only to get past them. */
export function skipShortTermReferenceSets(reader: BitReader): void {
  const count = reader.ue("num_short_term_ref_pic_sets", 64);
  let previousPictures = 0;
  for (let i = 0; i < count; i += 1) {
    previousPictures =
      i > 0 && reader.flag() ? skipPredictedSet(reader, previousPictures) : skipExplicitSet(reader);
  }
}

function skipExplicitSet(reader: BitReader): number {
  const pictures = reader.ue("num_negative_pics", 16) + reader.ue("num_positive_pics", 16);
  for (let i = 0; i < pictures; i += 1) {
    reader.ue("delta_poc_minus1", 0x7fff);
    reader.skip(1); // used_by_curr_pic_flag
  }
  return pictures;
}

function skipPredictedSet(reader: BitReader, previousPictures: number): number {
  reader.skip(1); // delta_rps_sign
  reader.ue("abs_delta_rps_minus1", 0x7fff);
  let pictures = 0;
  for (let i = 0; i <= previousPictures; i += 1) {
    // used_by_curr_pic_flag; else use_delta_flag tells whether the picture stays in the set.
    if (reader.flag() || reader.flag()) pictures += 1;
  }
  return pictures;
}

/** scaling_list_data(), §7.3.4. */
export function skipScalingLists(reader: BitReader): void {
  for (let size = 0; size < 4; size += 1) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!reader.flag()) {
        reader.ue("scaling_list_pred_matrix_id_delta", 5);
        continue;
      }
      if (size > 1) reader.se("scaling_list_dc_coef_minus8");
      const coefficients = Math.min(64, 1 << (4 + 2 * size));
      for (let i = 0; i < coefficients; i += 1) reader.se("scaling_list_delta_coef");
    }
  }
}
