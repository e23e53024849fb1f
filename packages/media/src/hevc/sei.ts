import { forEachNal } from "../nal/annex-b.ts";
import { insertBeforePicture } from "../nal/insert-before-picture.ts";
import { buildSeiNal, parseSeiNal, type SeiMessage } from "../nal/sei-message.ts";
import {
  HEVC_AUD,
  HEVC_PPS,
  HEVC_PREFIX_SEI,
  HEVC_SPS,
  HEVC_SUFFIX_SEI,
  HEVC_VPS,
  hevcNalUnitType,
} from "./nal-unit-type.ts";

/** A prefix SEI NAL unit of layer 0, temporal id 0 (ITU-T H.265 §7.3.1.2): no start code, escaped. */
export function encodeHevcSeiNal(payloadType: number, payload: Uint8Array): Uint8Array {
  return buildSeiNal([HEVC_PREFIX_SEI << 1, 1], [{ payloadType, payload }]);
}

function precedesPicture(header: number | undefined): boolean {
  const type = hevcNalUnitType(header);
  return (
    type === HEVC_AUD ||
    type === HEVC_VPS ||
    type === HEVC_SPS ||
    type === HEVC_PPS ||
    type === HEVC_PREFIX_SEI
  );
}

/** As `insertSei` of H.264. @throws MediaError "missing-slice". */
export function insertHevcSei(annexB: Uint8Array, seiNals: readonly Uint8Array[]): Uint8Array {
  return insertBeforePicture(annexB, seiNals, precedesPicture);
}

/** All prefix and suffix SEI messages of an access unit. @throws MediaError as `readSei`. */
export function readHevcSei(annexB: Uint8Array): SeiMessage[] {
  const messages: SeiMessage[] = [];
  forEachNal(annexB, (nal) => {
    const type = hevcNalUnitType(nal[0]);
    if (type === HEVC_PREFIX_SEI || type === HEVC_SUFFIX_SEI) messages.push(...parseSeiNal(nal, 2));
  });
  return messages;
}
