import { choiceOption, defineGroup, numberOption } from "@canopy/runtime";

export const ingestGroup = defineGroup("What happens with broadcasts and their publishers.", {
  publisherConflict: choiceOption({
    name: "publisher-conflict",
    default: "refuse",
    choices: ["refuse", "takeover"],
    description: "Whether the first or the newest publisher of one path has it.",
  }),
  lingerMs: numberOption({
    name: "publisher-linger",
    default: 10_000,
    min: 0,
    max: 600_000,
    unit: "ms",
    description: "How long a broadcast waits for a publisher that went away.",
  }),
  maxBroadcasts: numberOption({
    name: "max-broadcasts",
    default: 500,
    min: 1,
    max: 10_000,
    description: "Broadcasts published here at one time.",
  }),
});
