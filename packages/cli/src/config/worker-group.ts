import { type ConfigOption, defineGroup, portOption } from "@canopy/runtime";

/** More processes than this on one machine meet other limits first; the ports of WebRTC are 1,000 further on. */
const MAX_WORKERS = 256;

const workersOption: ConfigOption<"auto" | number> = {
  name: "workers",
  typeName: `\`auto\` or a whole number, 1 to ${MAX_WORKERS}`,
  default: 1,
  description:
    "Processes of this node, on consecutive ports from `--port` on, each a node of its own; `auto` is one per core. Limits such as `--max-sessions` hold for each.",
  isSwitch: false,
  isList: false,
  parse(raw) {
    if (raw === "auto") return { value: "auto" };
    const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > MAX_WORKERS) {
      return { problem: `must be auto or a whole number from 1 to ${MAX_WORKERS}` };
    }
    return { value };
  },
};

export const workerGroup = defineGroup("More than one core.", {
  workers: workersOption,
  localParent: portOption({
    name: "local-parent",
    default: undefined,
    description:
      "Port of the worker on this machine that this one takes broadcasts from, in front of every `--parent`; `--workers` sets it.",
  }),
});
