import { createHmac, randomBytes } from "node:crypto";

/** Length of every connection ID we give out; short headers do not carry it, so it must be fixed. */
export const CONNECTION_ID_BYTES = 16;
const RESET_TOKEN_BYTES = 16;
const LONG_HEADER = 0x80;
/** 1 flag byte, 4 version bytes. */
const LONG_HEADER_DCID_LENGTH_OFFSET = 5;
const MAX_CONNECTION_ID_BYTES = 20;

export function createConnectionId(): Buffer {
  return randomBytes(CONNECTION_ID_BYTES);
}

/** Map key of a connection ID. */
export function connectionIdKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString("latin1");
}

/**
 * Key of the destination connection ID of a UDP packet (RFC 8999 §5), or undefined if the packet is too short
 * for one. Both header forms keep it at a fixed place in every version of QUIC.
 */
export function destinationKey(packet: Buffer): string | undefined {
  const first = packet[0];
  if (first === undefined) return undefined;
  if ((first & LONG_HEADER) === 0) {
    const end = 1 + CONNECTION_ID_BYTES;
    return packet.length > end ? packet.toString("latin1", 1, end) : undefined;
  }
  const length = packet[LONG_HEADER_DCID_LENGTH_OFFSET];
  if (length === undefined || length > MAX_CONNECTION_ID_BYTES) return undefined;
  const start = LONG_HEADER_DCID_LENGTH_OFFSET + 1;
  return packet.length > start + length ? packet.toString("latin1", start, start + length) : undefined;
}

export function isLongHeader(packet: Buffer): boolean {
  return ((packet[0] ?? 0) & LONG_HEADER) !== 0;
}

/**
 * Stateless reset tokens (RFC 9000 §10.3) derived from a secret, so that a node that restarted with the same
 * secret can tell the peers of its former life at once that their connections are gone.
 */
export class ResetTokens {
  readonly #secret: Uint8Array;

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  tokenOf(connectionId: Uint8Array): Buffer {
    return createHmac("sha256", this.#secret).update(connectionId).digest().subarray(0, RESET_TOKEN_BYTES);
  }

  /** The token as the engine takes it: a 128-bit big-endian number. */
  numberOf(connectionId: Uint8Array): bigint {
    return BigInt(`0x${this.tokenOf(connectionId).toString("hex")}`);
  }
}

/**
 * A stateless reset in answer to `packet`, or undefined where RFC 9000 §10.3.3 forbids one: it must be shorter
 * than what it answers, so that two endpoints cannot answer each other forever.
 */
export function encodeStatelessReset(packet: Buffer, tokens: ResetTokens): Buffer | undefined {
  const length = Math.min(packet.length - 1, 43);
  if (length < 21 || packet.length <= 1 + CONNECTION_ID_BYTES) return undefined;
  const reset = randomBytes(length);
  reset[0] = ((reset[0] ?? 0) & 0x3f) | 0x40;
  tokens.tokenOf(packet.subarray(1, 1 + CONNECTION_ID_BYTES)).copy(reset, length - RESET_TOKEN_BYTES);
  return reset;
}
