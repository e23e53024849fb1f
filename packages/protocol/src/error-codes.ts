/** Application error codes of moq-lite for RESET_STREAM, STOP_SENDING and session close. */
export const ERROR_CODES = {
  cancel: 0,
  requiredExtension: 1,
  old: 2,
  timeout: 3,
  transport: 4,
  decode: 5,
  unauthorized: 6,
  version: 9,
  unexpectedStream: 10,
  boundsExceeded: 11,
  duplicate: 12,
  notFound: 13,
  wrongSize: 14,
  protocolViolation: 15,
  unexpectedMessage: 16,
  unsupported: 17,
  encode: 18,
  tooManyParameters: 19,
  invalidRole: 20,
  unknownAlpn: 21,
  dropped: 24,
  closed: 25,
  lagged: 26,
  frameTooLarge: 27,
  timestampMismatch: 29,
  unroutable: 30,
  evicted: 31,
} as const;

/** A number from `ERROR_CODES`, or any other code that a peer sent. */
export type ErrorCode = number;
