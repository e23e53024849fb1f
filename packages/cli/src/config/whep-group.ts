import { defineGroup, numberOption } from "@canopy/runtime";

export const whepGroup = defineGroup("What WHEP viewers are sent.", {
  maxPayloadBytes: numberOption({
    name: "rtp-payload",
    default: 1_188,
    min: 500,
    max: 1_350,
    unit: "bytes",
    description:
      "Largest RTP payload. More means fewer packets: 1350 where every path to viewers carries 1,440 bytes.",
  }),
});
