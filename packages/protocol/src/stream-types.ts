/** First varint of a bidirectional stream (moq-lite, stream types). */
export const BIDI_TYPES = {
  announce: 1,
  subscribe: 2,
  fetch: 3,
  probe: 4,
  goaway: 5,
  track: 6,
  /** CLIENT_SETUP of lite-02 and older (moq-lite, versions). */
  legacyClientSetup: 0x20,
  legacyServerSetup: 0x21,
} as const;

/** First varint of a unidirectional stream (moq-lite, stream types). */
export const UNI_TYPES = { group: 0, setup: 1 } as const;
