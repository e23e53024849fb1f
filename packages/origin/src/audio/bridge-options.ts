export interface AudioBridgeOptions {
  /** False: no other rendition of the sound than the publisher's. */
  readonly enabled: boolean;
  readonly stereoBitrateBps: number;
  readonly monoBitrateBps: number;
}

/** Transparent for most material with Opus, and good with AAC-LC. */
export const DEFAULT_AUDIO_BRIDGE: AudioBridgeOptions = {
  enabled: true,
  stereoBitrateBps: 128_000,
  monoBitrateBps: 64_000,
};
