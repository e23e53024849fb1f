import {
  H3_FRAME_ERROR,
  H3_SETTINGS_ERROR,
  MAX_FIELD_SECTION_BYTES,
  SETTING_DATAGRAM,
  SETTING_EXTENDED_CONNECT,
  SETTING_MAX_FIELD_SECTION_SIZE,
  SETTING_QPACK_BLOCKED,
  SETTING_QPACK_CAPACITY,
  SETTING_WEBTRANSPORT_DRAFT02,
  SETTING_WEBTRANSPORT_DRAFT07,
  SETTING_WEBTRANSPORT_DRAFT13,
} from "./http3-codes.ts";
import { Http3Error } from "./http3-error.ts";
import { encodeVarints, readVarint, varintLength } from "./varint.ts";

const MAX_SETTINGS = 64;

/** Payload of our SETTINGS frame (RFC 9114 §7.2.4), the same for clients and servers. */
export function encodeSettings(): Uint8Array {
  return encodeVarints(
    ...[SETTING_QPACK_CAPACITY, 0, SETTING_QPACK_BLOCKED, 0],
    ...[SETTING_MAX_FIELD_SECTION_SIZE, MAX_FIELD_SECTION_BYTES],
    ...[SETTING_EXTENDED_CONNECT, 1, SETTING_DATAGRAM, 1],
    ...[SETTING_WEBTRANSPORT_DRAFT02, 1, SETTING_WEBTRANSPORT_DRAFT07, 1, SETTING_WEBTRANSPORT_DRAFT13, 1],
  );
}

/** Throws Http3Error if the frame is cut off or names a setting twice. */
export function decodeSettings(payload: Uint8Array): ReadonlyMap<number, number> {
  const settings = new Map<number, number>();
  let offset = 0;
  const next = (): number => {
    const length = varintLength(payload[offset] ?? 0);
    if (offset + length > payload.length) throw new Http3Error(H3_FRAME_ERROR, "SETTINGS cut off");
    const value = readVarint(payload, offset);
    offset += length;
    return value;
  };
  while (offset < payload.length) {
    const id = next();
    const value = next();
    if (settings.has(id) || settings.size === MAX_SETTINGS) {
      throw new Http3Error(H3_SETTINGS_ERROR, "setting repeated, or too many of them");
    }
    settings.set(id, value);
  }
  return settings;
}

/** Whether a server with these settings takes WebTransport sessions of any draft. */
export function offersWebTransport(settings: ReadonlyMap<number, number>): boolean {
  const ids = [SETTING_WEBTRANSPORT_DRAFT02, SETTING_WEBTRANSPORT_DRAFT07, SETTING_WEBTRANSPORT_DRAFT13];
  return ids.some((id) => (settings.get(id) ?? 0) > 0);
}
