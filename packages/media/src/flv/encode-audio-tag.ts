import { ByteWriter } from "../bytes/byte-writer.ts";
import { MediaError } from "../media-error.ts";
import type { FlvAudioCodec } from "./audio-tag.ts";
import * as tag from "./audio-tag.ts";

export interface AudioTagInput {
  readonly codec: FlvAudioCodec;
  readonly kind: "sequence-start" | "frame" | "sequence-end";
  /** AudioSpecificConfig, OpusHead, a raw frame, or nothing. */
  readonly data?: Uint8Array;
  /** Default: only for codecs that have no legacy form. */
  readonly enhanced?: boolean;
}

const PACKET_TYPES: Readonly<Record<AudioTagInput["kind"], number>> = {
  "sequence-start": tag.AUDIO_SEQUENCE_START,
  frame: tag.AUDIO_CODED_FRAMES,
  "sequence-end": tag.AUDIO_SEQUENCE_END,
};

/** SoundRate 3, SoundSize 1, SoundType 1: what AAC always says, whatever its real rate (FLV §E.4.2.1). */
const AAC_FIRST_BYTE = 0xaf;

/**
 * The body of an audio message. AAC in the legacy form, all else as Enhanced RTMP. `data` is copied.
 * @throws MediaError "unsupported" when there is no legacy form.
 */
export function encodeAudioTagBody(input: AudioTagInput): Uint8Array {
  const { codec, kind, data, enhanced = codec !== "mp4a" } = input;
  const writer = new ByteWriter(5 + (data?.length ?? 0));
  if (enhanced) {
    writer.u8((tag.SOUND_EX_HEADER << 4) | PACKET_TYPES[kind]);
    writer.text(codec);
  } else {
    if (codec !== "mp4a" || kind === "sequence-end") {
      throw new MediaError("unsupported", "no legacy FLV form", { field: "flv.codec" });
    }
    writer.u8(AAC_FIRST_BYTE);
    writer.u8(PACKET_TYPES[kind]);
  }
  if (data) writer.bytes(data);
  return writer.finish();
}
