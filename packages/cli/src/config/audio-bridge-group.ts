import { defineGroup, numberOption, switchOption } from "@canopy/runtime";

export const audioBridgeGroup = defineGroup(
  "Opus for viewers over WebRTC where the publisher sends AAC, AAC for HLS and RTMP where he sends Opus.",
  {
    off: switchOption({
      name: "no-audio-bridge",
      description: "Offers the sound as the publisher sends it, and nothing else.",
    }),
    stereoKbps: numberOption({
      name: "audio-bridge-stereo-bitrate",
      default: 128,
      min: 16,
      max: 320,
      unit: "kbit/s",
      description: "Bitrate of transcoded sound with two channels; more channels are mixed down.",
    }),
    monoKbps: numberOption({
      name: "audio-bridge-mono-bitrate",
      default: 64,
      min: 8,
      max: 160,
      unit: "kbit/s",
      description: "Bitrate of transcoded sound with one channel.",
    }),
  },
);
