import { forEachNal } from "../nal/annex-b.ts";
import { insertBeforePicture } from "../nal/insert-before-picture.ts";
import { buildSeiNal, parseSeiNal, type SeiMessage } from "../nal/sei-message.ts";
import {
  NAL_AUD,
  NAL_PPS,
  NAL_SEI,
  NAL_SPS,
  NAL_SPS_EXTENSION,
  NAL_SUBSET_SPS,
  nalUnitType,
} from "./nal-unit-type.ts";

/** An SEI NAL unit with one message: no start code, escaped, nal_ref_idc 0 as §7.4.1 demands. */
export function encodeSeiNal(payloadType: number, payload: Uint8Array): Uint8Array {
  return buildSeiNal([NAL_SEI], [{ payloadType, payload }]);
}

/** An SEI NAL unit with several messages. */
export function encodeSeiMessages(messages: readonly SeiMessage[]): Uint8Array {
  return buildSeiNal([NAL_SEI], messages);
}

/** What may stand in front of SEI. Everything else (slices, prefix units, extensions) belongs to the picture. */
function precedesPicture(type: number): boolean {
  return (
    type === NAL_AUD ||
    type === NAL_SPS ||
    type === NAL_PPS ||
    type === NAL_SEI ||
    type === NAL_SPS_EXTENSION ||
    type === NAL_SUBSET_SPS
  );
}

function headerPrecedesPicture(header: number | undefined): boolean {
  return precedesPicture(nalUnitType(header));
}

/**
 * A new access unit with `seiNals` behind AUD, parameter sets and SEI that is already there (a buffering period has
 * to stay the first), and in front of the first slice. Takes and keeps nothing of the input.
 * @throws MediaError "missing-slice": SEI never travels as an access unit of its own.
 */
export function insertSei(annexB: Uint8Array, seiNals: readonly Uint8Array[]): Uint8Array {
  return insertBeforePicture(annexB, seiNals, headerPrecedesPicture);
}

/** All SEI messages of an access unit. @throws MediaError as `parseSeiNal` does. */
export function readSei(annexB: Uint8Array): SeiMessage[] {
  const messages: SeiMessage[] = [];
  forEachNal(annexB, (nal) => {
    if (nalUnitType(nal[0]) === NAL_SEI) messages.push(...parseSeiNal(nal, 1));
  });
  return messages;
}
