import { encodeAudioTagBody, encodeVideoTagBody } from "@canopy/media/flv";
import type { Program } from "../program/choose-program.ts";
import type { VideoConfiguration } from "../program/video-configuration.ts";
import type { RtmpStreamDescription } from "../rtmp-push/rtmp-push.ts";

/** FLV's numbers for codecs that it has always had, and the fourCC of Enhanced RTMP as a number for others. */
const AVC_ID = 7;
const AAC_ID = 10;

/** `onMetaData` and the sequence headers of a program. */
export function describeStream(
  program: Program,
  configuration: VideoConfiguration | undefined,
): RtmpStreamDescription {
  const { audio } = program;
  const video = program.video === undefined ? undefined : configuration;
  return {
    video:
      video &&
      encodeVideoTagBody({
        codec: video.codec,
        kind: "sequence-start",
        isKeyframe: true,
        data: video.record,
      }),
    audio: audio && encodeAudioTagBody({ codec: audio.codec, kind: "sequence-start", data: audio.config }),
    metadata: {
      encoder: "Canopy",
      ...(video && {
        videocodecid: video.codec === "avc1" ? AVC_ID : fourCcNumber(video.codec),
        width: video.width,
        height: video.height,
        ...optional("framerate", program.video?.rendition.framerate),
        ...optional("videodatarate", kbps(program.video?.rendition.bitrate)),
      }),
      ...(audio && {
        audiocodecid: audio.codec === "mp4a" ? AAC_ID : fourCcNumber(audio.codec),
        audiosamplerate: audio.rendition.sampleRate,
        audiosamplesize: 16,
        stereo: audio.rendition.numberOfChannels === 2,
        ...optional("audiodatarate", kbps(audio.rendition.bitrate)),
      }),
    },
  };
}

function fourCcNumber(fourCc: string): number {
  return Buffer.from(fourCc, "latin1").readUInt32BE(0);
}

function kbps(bitrate: number | undefined): number | undefined {
  return bitrate === undefined ? undefined : bitrate / 1_000;
}

function optional(key: string, value: number | undefined): Readonly<Record<string, number>> {
  return value === undefined ? {} : { [key]: value };
}
