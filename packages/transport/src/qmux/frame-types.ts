/** Frames of QMux, which are those of QUIC (RFC 9000 §19) without what TCP makes needless, and three of its own. */
export const FRAME = {
  padding: 0x00,
  resetStream: 0x04,
  stopSending: 0x05,
  /** 0x08 to 0x0f: bit 4 = offset, bit 2 = length, bit 1 = FIN. */
  stream: 0x08,
  streamLast: 0x0f,
  maxData: 0x10,
  maxStreamData: 0x11,
  maxStreamsBidi: 0x12,
  maxStreamsUni: 0x13,
  dataBlocked: 0x14,
  streamDataBlocked: 0x15,
  streamsBlockedBidi: 0x16,
  streamsBlockedUni: 0x17,
  connectionClose: 0x1c,
  applicationClose: 0x1d,
  resetStreamAt: 0x24,
  datagram: 0x30,
  datagramWithLength: 0x31,
} as const;

export const STREAM_FIN = 1;
export const STREAM_LENGTH = 2;
export const STREAM_OFFSET = 4;

/** QX_TRANSPORT_PARAMETERS, 0x3f5153300d0a0d0a: the first frame of each side; both halves, as it passes 2^53. */
export const PARAMETERS_HIGH = 0x3f515330;
export const PARAMETERS_LOW = 0x0d0a0d0a;

/** PING request, 0x348c67529ef8c7bd, and its answer, one above. */
export const PING_HIGH = 0x348c6752;
export const PING_LOW = 0x9ef8c7bd;
export const PONG_LOW = 0x9ef8c7be;
