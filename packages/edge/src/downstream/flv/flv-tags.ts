import {
  AmfEcmaArray,
  encodeAmf0,
  encodeAudioTagBody,
  encodeFlvHeader,
  encodeFlvTag,
  encodeVideoTagBody,
  FLV_AUDIO_TAG,
  FLV_SCRIPT_TAG,
  FLV_VIDEO_TAG,
} from "@canopy/media/flv";
import { type AudioSample, usOfSamples } from "../packaging/audio-samples.ts";
import type { PackagedAudio } from "../packaging/packaged-media.ts";
import type { VideoConfig, VideoSample } from "../packaging/video-samples.ts";

/** AVC and AAC in `onMetaData` (FLV §E.5). */
const AVC = 7;
const AAC = 10;
/** Sound may begin a little before the first picture. */
const HEAD_START_MS = 1_000;
const US_PER_MS = 1_000;

/** What a reader is told before the first frame. */
export interface FlvFormat {
  readonly video: VideoConfig | undefined;
  readonly audio: PackagedAudio | undefined;
  readonly framerate: number | undefined;
}

/** Writes the tags of one stream; its times begin near zero. */
export class FlvTags {
  #baseMs = Number.NaN;

  /** Milliseconds of the stream, exact to the rounding of each. */
  timeMs(mediaUs: number): number {
    const ms = Math.round(mediaUs / US_PER_MS);
    if (Number.isNaN(this.#baseMs)) this.#baseMs = ms - HEAD_START_MS;
    return Math.max(0, ms - this.#baseMs);
  }

  video(sample: VideoSample): Uint8Array {
    const decodeMs = this.timeMs(sample.decodeUs);
    const body = encodeVideoTagBody({
      codec: "avc1",
      kind: "frame",
      isKeyframe: sample.isKeyframe,
      compositionTimeMs: this.timeMs(sample.timestampUs) - decodeMs,
      data: sample.data,
    });
    return encodeFlvTag(FLV_VIDEO_TAG, decodeMs, body);
  }

  audio(sample: AudioSample, { form, sampleRate }: PackagedAudio): Uint8Array {
    const body = encodeAudioTagBody({ codec: flvCodec(form), kind: "frame", data: sample.data });
    return encodeFlvTag(FLV_AUDIO_TAG, this.timeMs(usOfSamples(sample.start, sampleRate)), body);
  }

  videoConfig(config: VideoConfig, timeMs: number): Uint8Array {
    const body = encodeVideoTagBody({
      codec: "avc1",
      kind: "sequence-start",
      isKeyframe: true,
      data: config.avcC,
    });
    return encodeFlvTag(FLV_VIDEO_TAG, timeMs, body);
  }

  audioConfig({ form, config }: PackagedAudio, timeMs: number): Uint8Array {
    const body = encodeAudioTagBody({ codec: flvCodec(form), kind: "sequence-start", data: config });
    return encodeFlvTag(FLV_AUDIO_TAG, timeMs, body);
  }

  /** The file's header, `onMetaData` and the sequence headers. */
  beginning(format: FlvFormat, timeMs: number): readonly Uint8Array[] {
    const { video, audio, framerate } = format;
    const chunks = [encodeFlvHeader({ video: video !== undefined, audio: audio !== undefined })];
    const properties = {
      encoder: "Canopy",
      // Media time of timestamp 0, ms since the Unix epoch.
      mediaTimeBaseMs: this.#baseMs,
      ...(video === undefined
        ? {}
        : { videocodecid: AVC, width: video.sps.codedWidth, height: video.sps.codedHeight }),
      ...(video === undefined || framerate === undefined ? {} : { framerate }),
      ...(audio === undefined
        ? {}
        : {
            ...(audio.form === "mp4a" ? { audiocodecid: AAC } : {}),
            audiosamplerate: audio.sampleRate,
            stereo: audio.channels > 1,
          }),
    };
    // At time 0 as in a file: with another time some readers take it for text that is to be shown.
    const metadata = encodeAmf0(["onMetaData", new AmfEcmaArray(properties)]);
    chunks.push(encodeFlvTag(FLV_SCRIPT_TAG, 0, metadata));
    if (video !== undefined) chunks.push(this.videoConfig(video, timeMs));
    if (audio !== undefined) chunks.push(this.audioConfig(audio, timeMs));
    return chunks;
  }
}

/** Opus only goes by Enhanced RTMP, which players that know it read. */
function flvCodec(form: PackagedAudio["form"]): "mp4a" | "Opus" {
  return form;
}
