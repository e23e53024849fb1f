/** Payload structures of H.264, RFC 6184 §5.2 table 1: types 1 to 23 are NAL units as they are. */
export const STAP_A = 24;
export const STAP_B = 25;
export const MTAP16 = 26;
export const MTAP24 = 27;
export const FU_A = 28;
export const FU_B = 29;

/** FU header, §5.8: `S(1) E(1) R(1) type(5)`. */
export const FU_START_BIT = 0x80;
export const FU_END_BIT = 0x40;

/** FU indicator and FU header. */
export const FU_HEADER_BYTES = 2;

/** In front of every NAL unit of a STAP-A, §5.7.1. */
export const STAP_SIZE_BYTES = 2;
