import { defineGroup, numberOption } from "@canopy/runtime";

export const hlsGroup = defineGroup("What HLS viewers are given, and how much of it is held for them.", {
  windowSeconds: numberOption({
    name: "hls-window",
    default: 30,
    min: 6,
    max: 600,
    unit: "s",
    description: "How far back playlists reach.",
  }),
  cacheMegabytes: numberOption({
    name: "hls-cache",
    default: 256,
    min: 8,
    max: 65_536,
    unit: "MiB",
    description: "Segments of all broadcasts together; the oldest of the largest rendition go first.",
  }),
  maxWaits: numberOption({
    name: "hls-max-waits",
    default: 8_192,
    min: 1,
    max: 1_000_000,
    description:
      "Requests that may wait for a playlist or a part at one time; a low-latency player has up to four.",
  }),
});
