import { MediaError } from "../media-error.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function badCatalog(path: string): MediaError {
  return new MediaError("malformed", `catalog: bad ${path}`, { field: `catalog.${path}` });
}

export type FieldCheck = (value: unknown) => boolean;

export const isText: FieldCheck = (value) => typeof value === "string";
export const isName: FieldCheck = (value) => typeof value === "string" && value.length > 0;
export const isFlag: FieldCheck = (value) => typeof value === "boolean";
export const isNumber: FieldCheck = (value) => typeof value === "number" && Number.isFinite(value);
export const isAmount: FieldCheck = (value) =>
  typeof value === "number" && Number.isFinite(value) && value >= 0;
export const isCount: FieldCheck = (value) => Number.isSafeInteger(value) && (value as number) > 0;
export const isHex: FieldCheck = (value) =>
  typeof value === "string" && value.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(value);
export const isSize: FieldCheck = (value) => isObject(value) && isCount(value.width) && isCount(value.height);
export const isNameMap: FieldCheck = (value) => isObject(value) && Object.values(value).every(isName);

export interface FieldRules {
  /** Absence or a wrong value refuses the catalog. */
  readonly required: Readonly<Record<string, FieldCheck>>;
  /** A wrong value or null counts as absent. */
  readonly optional: Readonly<Record<string, FieldCheck>>;
}

/** A copy that holds the checked fields, and unknown ones as they are. Built key by key, so `__proto__` stays data. */
export function checkedFields(
  value: JsonObject,
  path: string,
  rules: FieldRules,
  maxKeys: number,
): JsonObject {
  const entries = Object.entries(value);
  if (entries.length > maxKeys) {
    throw new MediaError("too-many", "catalog: too many keys", { field: `catalog.${path}`, limit: maxKeys });
  }
  for (const [key, check] of Object.entries(rules.required)) {
    if (!check(value[key])) throw badCatalog(`${path}.${key}`);
  }
  return Object.fromEntries(
    entries.filter(([key, field]) => {
      if (field === null) return false;
      const check = Object.hasOwn(rules.optional, key) ? rules.optional[key] : undefined;
      return check === undefined || check(field);
    }),
  );
}
