import { MediaError } from "../media-error.ts";
import { buildSeiNal } from "../nal/sei-message.ts";
import { MAX_TIMED_MESSAGE_BYTES } from "./message.ts";

/** uuid_iso_iec_11578 of the SEI that carries timed messages. */
export const TIMED_SEI_UUID = "c0a09f00-5e1d-4b1a-9c3a-7a11ed5e1000";

export const TIMED_SEI_UUID_BYTES: readonly number[] = [
  0xc0, 0xa0, 0x9f, 0x00, 0x5e, 0x1d, 0x4b, 0x1a, 0x9c, 0x3a, 0x7a, 0x11, 0xed, 0x5e, 0x10, 0x00,
];

/** user_data_unregistered (ISO/IEC 14496-10 §D.1.7): 16 bytes of UUID, then the message. */
export const SEI_USER_DATA_UNREGISTERED = 5;

/** The form of players that read only 243: the message alone. The type is reserved, so others pass over it. */
export const SEI_TIMED_PLAIN = 243;

export type SeiCodec = "h264" | "hevc";

/** NAL headers of SEI: H.264 type 6; HEVC prefix SEI type 39, layer 0, temporal id 0. */
const SEI_HEADER: Readonly<Record<SeiCodec, readonly number[]>> = { h264: [0x06], hevc: [0x4e, 0x01] };

export interface TimedSeiOptions {
  /** Default "h264". */
  readonly codec?: SeiCodec;
  /** Also put the plain form (type 243) into the unit. Default false. */
  readonly alsoPlain?: boolean;
}

/**
 * An SEI NAL unit (no start code) around an encoded message, for `insertSei`.
 * @throws MediaError "too-large" above 1,024 bytes.
 */
export function encodeTimedSei(message: Uint8Array, options: TimedSeiOptions = {}): Uint8Array {
  if (message.length > MAX_TIMED_MESSAGE_BYTES) {
    throw new MediaError("too-large", "timed message over the size limit", {
      field: "timed",
      limit: MAX_TIMED_MESSAGE_BYTES,
      actual: message.length,
    });
  }
  const payload = new Uint8Array(TIMED_SEI_UUID_BYTES.length + message.length);
  payload.set(TIMED_SEI_UUID_BYTES);
  payload.set(message, TIMED_SEI_UUID_BYTES.length);
  const messages = [{ payloadType: SEI_USER_DATA_UNREGISTERED, payload }];
  if (options.alsoPlain)
    messages.push({ payloadType: SEI_TIMED_PLAIN, payload: message as Uint8Array<ArrayBuffer> });
  return buildSeiNal(SEI_HEADER[options.codec ?? "h264"], messages);
}
