/** Stream types, frame types, settings and error codes of HTTP/3 and WebTransport that are used here. */

/** RFC 9114 §7.2. */
export const FRAME_DATA = 0x00;
export const FRAME_HEADERS = 0x01;
export const FRAME_SETTINGS = 0x04;
export const FRAME_GOAWAY = 0x07;
/** Frame types of HTTP/2 that must not appear (RFC 9114 §7.2.8). */
export const FORBIDDEN_FRAMES: ReadonlySet<number> = new Set([0x02, 0x06, 0x08, 0x09]);

/** RFC 9114 §6.2, RFC 9204 §4.2, draft-ietf-webtrans-http3 §4.2 and §4.3. */
export const STREAM_CONTROL = 0x00;
export const STREAM_PUSH = 0x01;
export const STREAM_QPACK_ENCODER = 0x02;
export const STREAM_QPACK_DECODER = 0x03;
export const STREAM_WEBTRANSPORT_UNI = 0x54;
export const SIGNAL_WEBTRANSPORT_BIDI = 0x41;

export const SETTING_QPACK_CAPACITY = 0x01;
export const SETTING_MAX_FIELD_SECTION_SIZE = 0x06;
export const SETTING_QPACK_BLOCKED = 0x07;
/** RFC 9220. */
export const SETTING_EXTENDED_CONNECT = 0x08;
/** RFC 9297. */
export const SETTING_DATAGRAM = 0x33;
/** Draft-02: the one that Chromium insists on. */
export const SETTING_WEBTRANSPORT_DRAFT02 = 0x2b603742;
/** Draft-07: number of sessions. */
export const SETTING_WEBTRANSPORT_DRAFT07 = 0xc671706a;
/** Draft-13: number of sessions, which Safari insists on. More than 1 would also need initial limits. */
export const SETTING_WEBTRANSPORT_DRAFT13 = 0x14e9cd29;

/** RFC 9114 §8.1. */
export const H3_NO_ERROR = 0x100;
export const H3_STREAM_CREATION_ERROR = 0x103;
export const H3_CLOSED_CRITICAL_STREAM = 0x104;
export const H3_FRAME_UNEXPECTED = 0x105;
export const H3_FRAME_ERROR = 0x106;
export const H3_EXCESSIVE_LOAD = 0x107;
export const H3_SETTINGS_ERROR = 0x109;
export const H3_MISSING_SETTINGS = 0x10a;
export const H3_REQUEST_REJECTED = 0x10b;
export const H3_MESSAGE_ERROR = 0x10e;
export const QPACK_DECOMPRESSION_FAILED = 0x200;
export const WEBTRANSPORT_BUFFERED_STREAM_REJECTED = 0x3994bd84;
export const WEBTRANSPORT_SESSION_GONE = 0x170d7b68;

/** draft-ietf-webtrans-http3 §5. */
export const CAPSULE_CLOSE_SESSION = 0x2843;
export const CAPSULE_DRAIN_SESSION = 0x78ae;

/** Largest header section that is read, as announced in SETTINGS. */
export const MAX_FIELD_SECTION_BYTES = 16_384;
