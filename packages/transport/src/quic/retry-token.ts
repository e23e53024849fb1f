import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** A client answers a Retry within a round trip or two. */
const TOKEN_LIFETIME_MS = 10_000;
const MAC_BYTES = 16;
const EXPIRY_BYTES = 8;
const HEADER_BYTES = EXPIRY_BYTES + 1;
const MAX_CONNECTION_ID_BYTES = 20;

/**
 * Address validation tokens (RFC 9000 §8.1.2): `expiry ms as a double · odcid length u8 · odcid · MAC`. The MAC also
 * covers the client's address and the connection ID that the Retry packet gave it, so that a token is worth
 * nothing to anybody else.
 */
export class RetryTokens {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array = randomBytes(32)) {
    this.#key = key;
  }

  encode(address: string, originalId: Uint8Array, retryId: Uint8Array, nowMs: number): Buffer {
    const body = Buffer.alloc(HEADER_BYTES + originalId.length);
    body.writeDoubleBE(nowMs + TOKEN_LIFETIME_MS, 0);
    body[EXPIRY_BYTES] = originalId.length;
    body.set(originalId, HEADER_BYTES);
    return Buffer.concat([body, this.#mac(body, address, retryId)]);
  }

  /** The client's original destination connection ID, or undefined if the token is not ours, stale or moved. */
  decode(token: Uint8Array, address: string, retryId: Uint8Array, nowMs: number): Buffer | undefined {
    if (token.length < HEADER_BYTES + MAC_BYTES) return undefined;
    if (token.length > HEADER_BYTES + MAX_CONNECTION_ID_BYTES + MAC_BYTES) return undefined;
    const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
    const body = bytes.subarray(0, bytes.length - MAC_BYTES);
    const mac = bytes.subarray(bytes.length - MAC_BYTES);
    if (!timingSafeEqual(mac, this.#mac(body, address, retryId))) return undefined;
    if (!(body.readDoubleBE(0) >= nowMs)) return undefined;
    if (body[EXPIRY_BYTES] !== body.length - HEADER_BYTES) return undefined;
    return Buffer.from(body.subarray(HEADER_BYTES));
  }

  #mac(body: Uint8Array, address: string, retryId: Uint8Array): Buffer {
    return createHmac("sha256", this.#key)
      .update(body)
      .update(retryId)
      .update(address)
      .digest()
      .subarray(0, MAC_BYTES);
  }
}
