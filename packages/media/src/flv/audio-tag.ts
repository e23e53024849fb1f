/** Codecs by the fourCC of Enhanced RTMP; AAC and MP3 also come in the legacy form. */
export type FlvAudioCodec = "mp4a" | "Opus" | "fLaC" | "ac-3" | "ec-3" | ".mp3";

export const AUDIO_CODECS: ReadonlySet<string> = new Set(["mp4a", "Opus", "fLaC", "ac-3", "ec-3", ".mp3"]);

export type AudioTagKind =
  /** `data` is the AudioSpecificConfig, OpusHead or the like. */
  | "sequence-start"
  /** `data` is one raw frame. */
  | "frame"
  | "sequence-end"
  /** `data` is the channel order of Enhanced RTMP. */
  | "multichannel-config";

export interface AudioTrack {
  readonly trackId: number;
  readonly codec: FlvAudioCodec;
  /** A view of the body. */
  readonly data: Uint8Array;
}

/** The body of an FLV audio tag or RTMP audio message (type 8). The fields of `AudioTrack` are the first track's. */
export interface AudioTag extends AudioTrack {
  readonly enhanced: boolean;
  readonly kind: AudioTagKind;
  /** To be added to the message's timestamp (ModEx). */
  readonly timestampOffsetNs: number;
  readonly multitrack: boolean;
  readonly otherTracks: readonly AudioTrack[];
}

// AudioPacketType, Enhanced RTMP v2.
export const AUDIO_SEQUENCE_START = 0;
export const AUDIO_CODED_FRAMES = 1;
export const AUDIO_SEQUENCE_END = 2;
export const AUDIO_MULTICHANNEL_CONFIG = 4;
export const AUDIO_MULTITRACK = 5;

// SoundFormat, FLV §E.4.2.1, and the value that Enhanced RTMP took.
export const SOUND_MP3 = 2;
export const SOUND_EX_HEADER = 9;
export const SOUND_AAC = 10;
