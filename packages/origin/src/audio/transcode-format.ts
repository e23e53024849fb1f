/** The codecs that the bridge joins. */
export type BridgeCodec = "aac" | "opus";

/** What goes into a transcoding. */
export interface SourceFormat {
  readonly codec: BridgeCodec;
  /** Of the description; the decoder finds out by itself where the stream says otherwise. */
  readonly sampleRate: number;
  readonly channels: number;
  /** AudioSpecificConfig or OpusHead; absent: ADTS, or plain mono and stereo Opus. */
  readonly description: Uint8Array | undefined;
}

/** What comes out; always 48 kHz, which is Opus' own rate and needs no resampler on the way back. */
export interface TargetFormat {
  readonly codec: BridgeCodec;
  readonly channels: 1 | 2;
  readonly bitrateBps: number;
}

export interface TranscodeFormat {
  readonly from: SourceFormat;
  readonly to: TargetFormat;
}

export const BRIDGE_SAMPLE_RATE = 48_000;

/** Names of the directions, as in the metrics' label `kind`. */
export type BridgeKind = "aac-opus" | "opus-aac";

export function bridgeKind(format: TranscodeFormat): BridgeKind {
  return format.from.codec === "aac" ? "aac-opus" : "opus-aac";
}
