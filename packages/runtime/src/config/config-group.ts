import type { ConfigOption } from "./option.ts";

/** Settings that belong together: one object in the configuration file and in the validated result. */
export interface ConfigGroup {
  readonly description: string;
  readonly options: Readonly<Record<string, ConfigOption<unknown>>>;
}

/** The groups of one command, by their key in the file. */
export type ConfigGroups = Readonly<Record<string, ConfigGroup>>;

/** The validated, nested object that `loadConfig` returns. */
export type ConfigOf<G extends ConfigGroups> = {
  readonly [K in keyof G]: GroupValues<G[K]>;
};

export type GroupValues<G extends ConfigGroup> = {
  readonly [P in keyof G["options"]]: G["options"][P] extends ConfigOption<infer T> ? T : never;
};

export function defineGroup<const O extends Readonly<Record<string, ConfigOption<unknown>>>>(
  description: string,
  options: O,
): { readonly description: string; readonly options: O } {
  return { description, options };
}

/** Environment variable of an option: `tls-cert` is `CANOPY_TLS_CERT`. */
export function environmentName(optionName: string): string {
  return `${ENVIRONMENT_PREFIX}${optionName.toUpperCase().replaceAll("-", "_")}`;
}

export const ENVIRONMENT_PREFIX = "CANOPY_";
