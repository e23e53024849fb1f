import { defineGroup, numberOption, switchOption, textOption } from "@canopy/runtime";

export const broadcastGroup = defineGroup("What is published, and where.", {
  to: textOption({
    name: "to",
    default: undefined,
    description:
      "Target: `rtmp://host[:port]/app/stream`, `http(s)://host[:port]/whip/path` for WHIP, or `https://host:port[/root]` for MoQ.",
  }),
  broadcast: textOption({
    name: "broadcast",
    default: undefined,
    description: "Broadcast path; needed for MoQ, and instead of the URL's path for RTMP and WHIP.",
  }),
  token: textOption({ name: "token", default: undefined, description: "Token that is shown to the target." }),
  videoBitrateKbps: numberOption({
    name: "video-bitrate",
    default: 1_500,
    min: 50,
    max: 50_000,
    unit: "kbit/s",
    description: "Bitrate of the picture when it is encoded here.",
  }),
  width: numberOption({
    name: "width",
    default: 1_280,
    min: 160,
    max: 3_840,
    unit: "px",
    description: "Width of the picture; even.",
  }),
  height: numberOption({
    name: "height",
    default: 720,
    min: 160,
    max: 3_840,
    unit: "px",
    description: "Height of the picture; even.",
  }),
  fps: numberOption({
    name: "fps",
    default: 30,
    min: 1,
    max: 120,
    unit: "frames/s",
    description: "Frame rate.",
  }),
  gopSeconds: numberOption({
    name: "gop",
    default: 1,
    min: 0.1,
    max: 20,
    unit: "s",
    fraction: true,
    description: "Distance of keyframes; viewers join on one.",
  }),
  noAudio: switchOption({ name: "no-audio", description: "Publishes the picture alone." }),
  durationSeconds: numberOption({
    name: "duration",
    default: undefined,
    min: 1,
    max: 1_000_000,
    unit: "s",
    description: "Ends by itself after this time.",
  }),
});
