import { choiceOption, defineGroup, LOG_LEVELS } from "@canopy/runtime";

export const logGroup = defineGroup("What is written to stderr.", {
  level: choiceOption({
    name: "log-level",
    default: "info",
    choices: LOG_LEVELS,
    description: "Least severity that is written.",
  }),
  format: choiceOption({
    name: "log-format",
    default: "json",
    choices: ["json", "text"],
    description: "One JSON object per line, or lines for people.",
  }),
});
