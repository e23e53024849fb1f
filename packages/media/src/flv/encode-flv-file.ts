import { ByteWriter } from "../bytes/byte-writer.ts";
import { MediaError } from "../media-error.ts";

/** Tag types (FLV §E.4.1). */
export const FLV_AUDIO_TAG = 8;
export const FLV_VIDEO_TAG = 9;
export const FLV_SCRIPT_TAG = 18;

const HEADER_BYTES = 9;
const TAG_HEADER_BYTES = 11;
const PREVIOUS_SIZE_BYTES = 4;
const HAS_AUDIO = 4;
const HAS_VIDEO = 1;
/** DataSize has 24 bits. */
const MAX_BODY_BYTES = 0xff_ffff;

/** The file's header and the first PreviousTagSize, which is 0 (FLV §E.2, §E.3). */
export function encodeFlvHeader(has: { readonly video: boolean; readonly audio: boolean }): Uint8Array {
  const writer = new ByteWriter(HEADER_BYTES + PREVIOUS_SIZE_BYTES);
  writer.text("FLV");
  writer.u8(1);
  writer.u8((has.audio ? HAS_AUDIO : 0) | (has.video ? HAS_VIDEO : 0));
  writer.u32(HEADER_BYTES);
  writer.u32(0);
  return writer.finish();
}

/**
 * One tag with the PreviousTagSize behind it (FLV §E.4.1). The timestamp's upper eight bits stand behind the lower
 * ones; it wraps at 32 bits. The body is copied. @throws MediaError "too-large".
 */
export function encodeFlvTag(type: number, timestampMs: number, body: Uint8Array): Uint8Array {
  if (body.length > MAX_BODY_BYTES) {
    throw new MediaError("too-large", "FLV tag over 16 MB", {
      field: "flv.dataSize",
      limit: MAX_BODY_BYTES,
      actual: body.length,
    });
  }
  const writer = new ByteWriter(TAG_HEADER_BYTES + body.length + PREVIOUS_SIZE_BYTES);
  writer.u8(type);
  writer.u24(body.length);
  const time = timestampMs >>> 0;
  writer.u24(time & 0xff_ffff);
  writer.u8(time >>> 24);
  writer.u24(0); // StreamID
  writer.bytes(body);
  writer.u32(TAG_HEADER_BYTES + body.length);
  return writer.finish();
}
