import type { BitReader } from "../bytes/bit-reader.ts";

/**
 * Channels of a program_config_element, ISO/IEC 14496-3 §4.4.1.1, which stands in for channelConfiguration 0.
 * The reader's start is the byte border to which the comment field is aligned.
 */
export function readProgramConfigChannels(reader: BitReader): number {
  reader.skip(10); // element_instance_tag, object_type, sampling_frequency_index
  const front = reader.bits(4);
  const side = reader.bits(4);
  const back = reader.bits(4);
  const lowFrequency = reader.bits(2);
  const associatedData = reader.bits(3);
  const coupling = reader.bits(4);
  if (reader.flag()) reader.skip(4); // mono_mixdown
  if (reader.flag()) reader.skip(4); // stereo_mixdown
  if (reader.flag()) reader.skip(3); // matrix_mixdown
  let channels = lowFrequency;
  for (let i = 0; i < front + side + back; i += 1) {
    channels += reader.flag() ? 2 : 1; // element_is_cpe
    reader.skip(4);
  }
  reader.skip(4 * lowFrequency + 4 * associatedData + 5 * coupling);
  reader.skip((8 - (reader.position & 7)) & 7);
  reader.skip(8 * reader.bits(8)); // comment
  return channels;
}
