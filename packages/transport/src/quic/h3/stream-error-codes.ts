import type { ErrorCodeMapping } from "../quic-stream.ts";

/** First of the codes that draft-ietf-webtrans-http3 §4.4 reserves for WebTransport applications. */
const FIRST = 0x52e4a40fa8db;
/** Last one: application code 2^32 - 1. */
const LAST = 0x52e5ac983162;

/**
 * Application error codes of WebTransport streams as HTTP/3 error codes. One code in 31 is left out, because
 * HTTP/3 keeps those for greasing. Codes of HTTP/3 itself become 0.
 */
export const WEBTRANSPORT_CODES: ErrorCodeMapping = {
  toWire: (code) => FIRST + code + Math.floor(code / 0x1e),
  fromWire: (wireCode) => {
    if (wireCode < FIRST || wireCode > LAST) return 0;
    const shifted = wireCode - FIRST;
    return shifted - Math.floor(shifted / 0x1f);
  },
};
