import { defineGroup, numberOption } from "@canopy/runtime";

export const whipGroup = defineGroup("What WHIP publishers are asked for.", {
  keyframeIntervalMs: numberOption({
    name: "whip-keyframe-interval",
    default: 2_000,
    min: 500,
    max: 60_000,
    unit: "ms",
    description: "Age of a group at which the publisher is asked for a keyframe; viewers join at keyframes.",
  }),
  maxVideoKbps: numberOption({
    name: "whip-max-bitrate",
    default: 8_000,
    min: 100,
    max: 100_000,
    unit: "kbit/s",
    description: "The most that a publisher is told it may send for video.",
  }),
  maxPublishers: numberOption({
    name: "whip-max-publishers",
    default: 500,
    min: 1,
    max: 10_000,
    description: "WHIP publishers at one time.",
  }),
});
