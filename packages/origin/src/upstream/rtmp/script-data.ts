import { AmfDate, AmfEcmaArray, type AmfValue, decodeAmf0 } from "@canopy/media/flv";
import type { Json } from "@canopy/media/timed";

/** What a data message of a publisher says. */
export type ScriptData =
  | { readonly kind: "metadata"; readonly metadata: StreamMetadata }
  | { readonly kind: "message"; readonly type: string; readonly data: Json }
  | { readonly kind: "other" };

/** The fields of onMetaData that are used; all of them are claims of the encoder. */
export interface StreamMetadata {
  readonly framerate: number | undefined;
  readonly videoBitrateBps: number | undefined;
  readonly audioBitrateBps: number | undefined;
}

const MAX_FRAMERATE = 1_000;
const MAX_KILOBITS = 1_000_000;
const MAX_TYPE_LENGTH = 64;

/**
 * Reads an RTMP data message: onMetaData (also wrapped in @setDataFrame), onTextData and onCuePoint.
 * @throws MediaError
 */
export function readScriptData(payload: Uint8Array): ScriptData {
  const values = decodeAmf0(payload);
  const [first, ...rest] = values;
  const name = first === "@setDataFrame" ? rest.shift() : first;
  const [value] = rest;
  switch (name) {
    case "onMetaData":
      return { kind: "metadata", metadata: readMetadata(entriesOf(value)) };
    case "onTextData":
      return message("text", value);
    case "onCuePoint":
      return message("cue", value);
    default:
      return { kind: "other" };
  }
}

function readMetadata(entries: Readonly<Record<string, AmfValue>>): StreamMetadata {
  const kilobits = (key: string): number | undefined => {
    const value = amount(entries, key, MAX_KILOBITS);
    return value === undefined ? undefined : Math.round(value * 1_000);
  };
  return {
    framerate:
      amount(entries, "framerate", MAX_FRAMERATE) ?? amount(entries, "videoframerate", MAX_FRAMERATE),
    videoBitrateBps: kilobits("videodatarate"),
    audioBitrateBps: kilobits("audiodatarate"),
  };
}

function message(fallback: string, value: AmfValue): ScriptData {
  const { type, ...others } = entriesOf(value);
  const named = typeof type === "string" && type !== "" && type.length <= MAX_TYPE_LENGTH;
  const whole = value instanceof AmfEcmaArray || isObject(value);
  const data = whole ? toJson(named ? others : entriesOf(value)) : toJson(value);
  return { kind: "message", type: named ? type : fallback, data };
}

function entriesOf(value: AmfValue): Readonly<Record<string, AmfValue>> {
  if (value instanceof AmfEcmaArray) return value.entries;
  return isObject(value) ? value : {};
}

function isObject(value: AmfValue): value is Readonly<Record<string, AmfValue>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof AmfDate);
}

function amount(
  entries: Readonly<Record<string, AmfValue>>,
  key: string,
  highest: number,
): number | undefined {
  const value = Object.hasOwn(entries, key) ? entries[key] : undefined;
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0 || value > highest) return undefined;
  return value;
}

/** The depth is bounded by the AMF decoder. */
function toJson(value: AmfValue): Json {
  if (value === undefined || value === null) return null;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (value instanceof AmfDate) {
    const date = new Date(value.unixMs);
    return Number.isNaN(date.getTime()) ? null : date.toISOString();
  }
  if (Array.isArray(value)) return value.map((item: AmfValue) => toJson(item));
  return Object.fromEntries(Object.entries(entriesOf(value)).map(([key, item]) => [key, toJson(item)]));
}
