/** One access unit or audio frame on its way to a sink. */
export interface EncodedPacket {
  readonly kind: "video" | "audio";
  /** H.264 as Annex B, or one raw AAC frame or Opus packet. Belongs to the receiver. */
  readonly data: Uint8Array;
  /** Presentation time, µs since the Unix epoch. */
  readonly timestampUs: number;
  /** Decoding time; differs from `timestampUs` only with B-frames. */
  readonly decodeTimestampUs: number;
  readonly keyframe: boolean;
}

export interface VideoFormat {
  readonly width: number;
  readonly height: number;
  /** Frames per second. */
  readonly framerate: number;
  readonly bitrateBps: number;
  /** SPS and PPS as Annex B. */
  readonly parameterSets: Uint8Array;
}

export interface AudioFormat {
  readonly codec: "aac" | "opus";
  readonly sampleRate: number;
  readonly channels: number;
  readonly bitrateBps: number;
  /** AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1); empty for Opus. */
  readonly audioSpecificConfig: Uint8Array;
}

export interface StreamFormats {
  readonly video: VideoFormat | undefined;
  readonly audio: AudioFormat | undefined;
}

/** Where a source sends its packets. */
export interface PacketSink {
  /** Takes the packet or drops it (counted); never blocks. Per kind in decoding order. */
  write(packet: EncodedPacket): void;
  /** Sends what it can within its deadline and closes. Idempotent. */
  close(): Promise<void>;
}

/** Opens the connection for a source whose formats are known; keeps reconnecting until it is closed. */
export type OpenSink = (formats: StreamFormats) => PacketSink;
