import { MediaError } from "../media-error.ts";
import { findStartCode, nalEnd } from "../nal/annex-b.ts";
import { parseSeiNal, type SeiMessage } from "../nal/sei-message.ts";
import {
  SEI_TIMED_PLAIN,
  SEI_USER_DATA_UNREGISTERED,
  type SeiCodec,
  TIMED_SEI_UUID_BYTES,
} from "./encode-sei.ts";
import { decodeTimedMessage, type TimedMessage } from "./message.ts";

export interface ReadTimedMessage {
  readonly message: TimedMessage;
  /** The encoded message, a view of the access unit or of a copy. */
  readonly bytes: Uint8Array;
}

/** Shared by all frames without a message, which is nearly all of them. */
const NONE: readonly ReadTimedMessage[] = Object.freeze([]);

const H264_SEI = 6;
const H264_IDR = 5;
const HEVC_PREFIX_SEI = 39;
const HEVC_LAST_VCL = 31;
const OPEN_BRACE = 0x7b;

/**
 * The timed messages in the SEI of one access unit; a copy of the same message in both SEI forms comes once.
 * Called for every frame that a player presents: it looks at no byte behind the header of the first slice.
 * SEI of others and broken messages are passed over (told to `onRejected`), as one bad unit must not stop the picture.
 */
export function readTimedMessages(
  annexB: Uint8Array,
  codec: SeiCodec = "h264",
  onRejected?: (error: MediaError) => void,
): readonly ReadTimedMessage[] {
  let found: ReadTimedMessage[] | undefined;
  let code = findStartCode(annexB, 0);
  while (code >= 0) {
    const start = code + 3;
    const header = annexB[start];
    if (header === undefined) break;
    let isSei: boolean;
    if (codec === "h264") {
      const type = header & 0x1f;
      if (type !== 0 && type <= H264_IDR) break;
      isSei = type === H264_SEI;
    } else {
      const type = (header >>> 1) & 0x3f;
      if (type <= HEVC_LAST_VCL) break;
      isSei = type === HEVC_PREFIX_SEI;
    }
    code = findStartCode(annexB, start);
    if (isSei) {
      found ??= [];
      const nal = annexB.subarray(start, nalEnd(annexB, start, code));
      readNal(nal, codec === "h264" ? 1 : 2, found, onRejected);
    }
  }
  return found === undefined || found.length === 0 ? NONE : found;
}

function readNal(
  nal: Uint8Array,
  headerBytes: 1 | 2,
  found: ReadTimedMessage[],
  onRejected: ((error: MediaError) => void) | undefined,
): void {
  try {
    for (const sei of parseSeiNal(nal, headerBytes)) {
      const bytes = timedBytes(sei);
      if (bytes) addOnce(found, bytes, onRejected);
    }
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    onRejected?.(error);
  }
}

function addOnce(
  found: ReadTimedMessage[],
  bytes: Uint8Array,
  onRejected: ((error: MediaError) => void) | undefined,
): void {
  try {
    const message = decodeTimedMessage(bytes);
    if (!found.some((other) => other.message.id === message.id)) found.push({ message, bytes });
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    onRejected?.(error);
  }
}

/** The encoded message of an SEI message that can be ours. */
function timedBytes(sei: SeiMessage): Uint8Array | undefined {
  const { payloadType, payload } = sei;
  if (payloadType === SEI_TIMED_PLAIN) return payload[0] === OPEN_BRACE ? payload : undefined;
  if (payloadType !== SEI_USER_DATA_UNREGISTERED) return undefined;
  for (let i = 0; i < TIMED_SEI_UUID_BYTES.length; i += 1) {
    if (payload[i] !== TIMED_SEI_UUID_BYTES[i]) return undefined;
  }
  return payload.subarray(TIMED_SEI_UUID_BYTES.length);
}
