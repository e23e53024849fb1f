import { defineGroup, numberOption } from "@canopy/runtime";

export const flvGroup = defineGroup("What viewers by HTTP-FLV are sent.", {
  bufferKilobytes: numberOption({
    name: "flv-buffer",
    default: 2_048,
    min: 64,
    max: 65_536,
    unit: "KiB",
    description: "What may wait for one slow reader before he is skipped to a keyframe.",
  }),
});
