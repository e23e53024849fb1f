import type { ConfigOption } from "@canopy/runtime";

/** More would be seen in the latency; the adaptive interval ends here as well. */
const MAX_INTERVAL_MS = 60;

/** `auto`, or a fixed number of milliseconds. */
export function flushIntervalOption(spec: {
  readonly name: string;
  readonly description: string;
}): ConfigOption<number | "auto"> {
  const wanted = `must be auto or a number from 0 to ${MAX_INTERVAL_MS}`;
  return {
    ...spec,
    default: "auto",
    unit: "ms",
    typeName: `\`auto\` or number, 0 to ${MAX_INTERVAL_MS}`,
    isSwitch: false,
    isList: false,
    parse(raw) {
      if (raw === "auto") return { value: raw };
      const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
      const fits = typeof value === "number" && value >= 0 && value <= MAX_INTERVAL_MS;
      return fits ? { value } : { problem: wanted };
    },
  };
}
