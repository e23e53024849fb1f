/** Transport error codes (RFC 9000 §20.1) that QMux uses in CONNECTION_CLOSE. */
export const QMUX_CODES = {
  internal: 0x01,
  "flow-control": 0x03,
  "stream-limit": 0x04,
  "stream-state": 0x05,
  "final-size": 0x06,
  "frame-encoding": 0x07,
  "transport-parameter": 0x08,
  "protocol-violation": 0x0a,
} as const;

export type QmuxErrorCode = keyof typeof QMUX_CODES;

/** The peer broke the rules of QMux, or this side failed: the session ends, and CONNECTION_CLOSE tells why. */
export class QmuxError extends Error {
  override readonly name = "QmuxError";
  readonly code: QmuxErrorCode;

  constructor(code: QmuxErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  /** The number for CONNECTION_CLOSE. */
  get wireCode(): number {
    return QMUX_CODES[this.code];
  }
}
