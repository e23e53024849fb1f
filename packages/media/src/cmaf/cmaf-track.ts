/** One track of a CMAF header: what a decoder has to know before the first fragment. */
export type CmafTrack = CmafVideoTrack | CmafAudioTrack;

interface TrackTiming {
  /** Units per second of all times of the track. */
  readonly timescale: number;
}

export interface CmafVideoTrack extends TrackTiming {
  readonly kind: "video";
  readonly codec: "avc1" | "hvc1";
  /** AVCDecoderConfigurationRecord or HEVCDecoderConfigurationRecord. */
  readonly config: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Sample aspect ratio, if it is not square. */
  readonly aspect?: readonly [number, number] | undefined;
}

export interface CmafAudioTrack extends TrackTiming {
  readonly kind: "audio";
  readonly codec: "mp4a" | "Opus";
  /** AudioSpecificConfig, or OpusHead (RFC 7845 §5.1). */
  readonly config: Uint8Array;
  readonly sampleRate: number;
  readonly channels: number;
}

/** CMAF headers of ours have one track (ISO/IEC 23000-19 §7.3.1). */
export const CMAF_TRACK_ID = 1;
