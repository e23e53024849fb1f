/** One setting: how it is named, what it holds, and what it is when nobody sets it. */
export interface ConfigOption<T> {
  /** Flat name in kebab case: `--tls-cert`, `CANOPY_TLS_CERT`. */
  readonly name: string;
  /** Type in words, for the reference and for messages. */
  readonly typeName: string;
  readonly default: T;
  /** Unit of a number, such as `ms` or `bytes`. */
  readonly unit?: string;
  readonly description: string;
  /** True: a flag without a value. */
  readonly isSwitch: boolean;
  /** True: may be given several times, or as a list in the file, or separated by commas in the environment. */
  readonly isList: boolean;
  /** Returns the value, or a sentence part that says what is wanted ("must be …"). Raw values come from outside. */
  parse(raw: unknown): { readonly value: T } | { readonly problem: string };
}

interface Common {
  readonly name: string;
  readonly description: string;
}

export function textOption<D extends string | undefined>(
  spec: Common & { readonly default: D; readonly choices?: readonly string[] },
): ConfigOption<string | D> {
  const { choices } = spec;
  return {
    name: spec.name,
    description: spec.description,
    default: spec.default,
    typeName: choices === undefined ? "text" : choices.map((choice) => `\`${choice}\``).join(", "),
    isSwitch: false,
    isList: false,
    parse(raw) {
      if (typeof raw !== "string") return { problem: "must be text" };
      if (raw === "") return { problem: "must not be empty" };
      if (choices !== undefined && !choices.includes(raw))
        return { problem: `must be one of ${choices.join(", ")}` };
      return { value: raw };
    },
  };
}

/** A word out of a closed set. */
export function choiceOption<const C extends string>(
  spec: Common & { readonly default: C; readonly choices: readonly C[] },
): ConfigOption<C> {
  return textOption(spec) as unknown as ConfigOption<C>;
}

export function numberOption<D extends number | undefined>(
  spec: Common & {
    readonly default: D;
    readonly unit?: string;
    readonly min: number;
    readonly max: number;
    /** Fractions are allowed. */
    readonly fraction?: boolean;
  },
): ConfigOption<number | D> {
  const kind = spec.fraction === true ? "number" : "whole number";
  const wanted = `must be a ${kind} from ${spec.min} to ${spec.max}`;
  return {
    name: spec.name,
    description: spec.description,
    default: spec.default,
    typeName: `${kind}, ${spec.min} to ${spec.max}`,
    ...(spec.unit === undefined ? {} : { unit: spec.unit }),
    isSwitch: false,
    isList: false,
    parse(raw) {
      const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
      if (typeof value !== "number" || !Number.isFinite(value)) return { problem: wanted };
      if (spec.fraction !== true && !Number.isInteger(value)) return { problem: wanted };
      if (value < spec.min || value > spec.max) return { problem: wanted };
      return { value };
    },
  };
}

export function portOption<D extends number | undefined>(
  spec: Common & { readonly default: D },
): ConfigOption<number | D> {
  return numberOption({ ...spec, min: 0, max: 65_535 });
}

export function switchOption(spec: Common & { readonly default?: boolean }): ConfigOption<boolean> {
  return {
    name: spec.name,
    description: spec.description,
    default: spec.default ?? false,
    typeName: "yes or no",
    isSwitch: true,
    isList: false,
    parse(raw) {
      if (typeof raw === "boolean") return { value: raw };
      if (raw === "true" || raw === "1") return { value: true };
      if (raw === "false" || raw === "0") return { value: false };
      return { problem: "must be true or false" };
    },
  };
}

export function listOption(
  spec: Common & { readonly default?: readonly string[] },
): ConfigOption<readonly string[]> {
  return {
    name: spec.name,
    description: spec.description,
    default: spec.default ?? [],
    typeName: "list of text",
    isSwitch: false,
    isList: true,
    parse(raw) {
      const list: unknown = typeof raw === "string" ? raw.split(",").map((item) => item.trim()) : raw;
      if (!Array.isArray(list) || !list.every((item) => typeof item === "string")) {
        return { problem: "must be a list of text" };
      }
      return { value: list };
    },
  };
}
