import { encodeFrame, FrameReader } from "./frame-reader.ts";
import { CAPSULE_CLOSE_SESSION, CAPSULE_DRAIN_SESSION, FRAME_DATA } from "./http3-codes.ts";

const COLLECTED: ReadonlySet<number> = new Set([CAPSULE_CLOSE_SESSION, CAPSULE_DRAIN_SESSION]);
const CODE_BYTES = 4;
/** No capsule has this type: none is delivered in pieces. */
const NONE = -1;

export interface CapsuleHandler {
  onCloseSession(code: number, reason: string): void;
  onDrainSession(): void;
}

/** Reads the capsules on a CONNECT stream (RFC 9297); unknown ones are skipped. */
export function createCapsuleReader(handler: CapsuleHandler): FrameReader {
  return new FrameReader(
    {
      onFrame: (type, payload) => {
        if (type === CAPSULE_DRAIN_SESSION) {
          handler.onDrainSession();
          return;
        }
        const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
        const code = bytes.length < CODE_BYTES ? 0 : bytes.readUInt32BE(0);
        handler.onCloseSession(code, bytes.toString("utf8", CODE_BYTES));
      },
      onData: () => {},
    },
    COLLECTED,
    NONE,
  );
}

/** CLOSE_WEBTRANSPORT_SESSION in a DATA frame: `code u32 · reason`, at most 1,024 bytes of UTF-8. */
export function encodeCloseSession(code: number, reason: Uint8Array): Uint8Array {
  const payload = Buffer.alloc(CODE_BYTES + reason.length);
  payload.writeUInt32BE(code >>> 0, 0);
  payload.set(reason, CODE_BYTES);
  return encodeFrame(FRAME_DATA, encodeFrame(CAPSULE_CLOSE_SESSION, payload));
}

/** DRAIN_WEBTRANSPORT_SESSION in a DATA frame: please leave, in your own time. */
export function encodeDrainSession(): Uint8Array {
  return encodeFrame(FRAME_DATA, encodeFrame(CAPSULE_DRAIN_SESSION, new Uint8Array(0)));
}
