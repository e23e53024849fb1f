import { createCipheriv, createHmac, randomBytes } from "node:crypto";

/** RFC 9001 §5.2: the salt of QUIC version 1. */
const INITIAL_SALT = Buffer.from("38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "hex");
const KEY_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Long header, Initial, packet number of one byte (RFC 9000 §17.2.2). */
const FIRST_BYTE = 0xc0;
/** CONNECTION_CLOSE of the transport (RFC 9000 §19.19). */
const FRAME_CONNECTION_CLOSE = 0x1c;
/** Where header protection takes its sample: four bytes after the packet number's first (RFC 9001 §5.4.2). */
const SAMPLE_OFFSET = 4;
/** Lengths are written as two-byte varints. */
const TWO_BYTE_VARINT = 0x4000;

export interface InitialRefusal {
  readonly version: number;
  /** Destination and source connection ID of the client's packet. */
  readonly dcid: Uint8Array;
  readonly scid: Uint8Array;
  /** RFC 9000 §20.1; below 64. */
  readonly code: number;
  readonly reason: string;
}

/**
 * A CONNECTION_CLOSE in an Initial packet, in answer to a client's first one. Its keys follow from the client's
 * connection ID alone, so refusing needs neither a TLS handshake nor any state.
 */
export function encodeInitialRefusal(refusal: InitialRefusal): Buffer {
  const { key, iv, protection } = serverInitialKeys(refusal.dcid);
  const reason = Buffer.from(refusal.reason).subarray(0, 60);
  const frame = Buffer.concat([Buffer.of(FRAME_CONNECTION_CLOSE, refusal.code, 0, reason.length), reason]);
  const serverId = randomBytes(8);
  const header = Buffer.concat([
    Buffer.of(FIRST_BYTE),
    uint32(refusal.version),
    Buffer.of(refusal.scid.length),
    refusal.scid,
    Buffer.of(serverId.length),
    serverId,
    // No token; then the length of packet number, frame and tag; then packet number 0.
    Buffer.of(0),
    uint16(TWO_BYTE_VARINT | (1 + frame.length + TAG_BYTES)),
    Buffer.of(0),
  ]);
  // Packet number 0 leaves the IV as it is.
  const cipher = createCipheriv("aes-128-gcm", key, iv);
  cipher.setAAD(header);
  const sealed = Buffer.concat([cipher.update(frame), cipher.final(), cipher.getAuthTag()]);
  const packet = Buffer.concat([header, sealed]);
  protectHeader(packet, header.length - 1, protection);
  return packet;
}

function protectHeader(packet: Buffer, numberOffset: number, key: Uint8Array): void {
  const sample = packet.subarray(numberOffset + SAMPLE_OFFSET, numberOffset + SAMPLE_OFFSET + 16);
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  const mask = cipher.update(sample);
  // The low four bits of a long header's first byte, and the packet number.
  packet[0] = (packet[0] ?? 0) ^ ((mask[0] ?? 0) & 0x0f);
  packet[numberOffset] = (packet[numberOffset] ?? 0) ^ (mask[1] ?? 0);
}

function serverInitialKeys(clientDcid: Uint8Array) {
  const initial = createHmac("sha256", INITIAL_SALT).update(clientDcid).digest();
  const secret = expandLabel(initial, "server in", 32);
  return {
    key: expandLabel(secret, "quic key", KEY_BYTES),
    iv: expandLabel(secret, "quic iv", IV_BYTES),
    protection: expandLabel(secret, "quic hp", KEY_BYTES),
  };
}

/** HKDF-Expand-Label (RFC 8446 §7.1) with an empty context, for results of at most one hash length. */
function expandLabel(secret: Uint8Array, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([uint16(length), Buffer.of(name.length), name, Buffer.of(0)]);
  const block = createHmac("sha256", secret).update(info).update(Buffer.of(1)).digest();
  return block.subarray(0, length);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
