import type { ConfigOption } from "./option.ts";

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A time such as `90s`, `15m`, `1h` or `7d`; the value is in seconds. */
export function durationOption<D extends number | undefined>(spec: {
  readonly name: string;
  readonly description: string;
  readonly defaultSeconds: D;
}): ConfigOption<number | D> {
  return {
    name: spec.name,
    description: spec.description,
    default: spec.defaultSeconds,
    unit: "s",
    typeName: "time such as `90s`, `15m`, `1h`, `7d`",
    isSwitch: false,
    isList: false,
    parse(raw) {
      const match = typeof raw === "string" ? /^(\d{1,9})([smhd]?)$/.exec(raw) : undefined;
      const seconds = match ? Number(match[1]) * (SECONDS_PER_UNIT[match[2] || "s"] ?? 1) : raw;
      if (typeof seconds !== "number" || !Number.isInteger(seconds) || seconds <= 0) {
        return { problem: "must be a time such as 90s, 15m, 1h or 7d" };
      }
      return { value: seconds };
    },
  };
}
