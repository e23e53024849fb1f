import { choiceOption, defineGroup, numberOption } from "@canopy/runtime";
import { flushIntervalOption } from "./flush-interval-option.ts";

export const quicGroup = defineGroup("How QUIC sends, to children, viewers and parents alike.", {
  flushInterval: flushIntervalOption({
    name: "flush-interval",
    description:
      "How long frames may wait for others to share packets with; `auto` is 0 until the node's core is busy.",
  }),
  maxPacketBytes: numberOption({
    name: "max-packet-size",
    default: 1_350,
    min: 1_200,
    max: 1_472,
    unit: "bytes",
    description:
      "Largest UDP payload that is sent; 1350 passes every usual path, 1452 saves packets where all paths carry 1500 bytes.",
  }),
  congestionControl: choiceOption({
    name: "congestion-control",
    default: "cubic",
    choices: ["cubic", "bbr", "reno"],
    description: "`cubic` shares a bottleneck fairly, `bbr` keeps more of a lossy one.",
  }),
});
