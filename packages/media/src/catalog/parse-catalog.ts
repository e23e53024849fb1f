import { decodeUtf8 } from "../bytes/utf8.ts";
import { MediaError } from "../media-error.ts";
import type { AudioRendition, Catalog, CatalogLimits, VideoRendition } from "./catalog.ts";
import { DEFAULT_CATALOG_LIMITS } from "./catalog.ts";
import {
  badCatalog,
  checkedFields,
  type FieldRules,
  isAmount,
  isCount,
  isFlag,
  isHex,
  isName,
  isNameMap,
  isNumber,
  isObject,
  isSize,
  isText,
  type JsonObject,
} from "./parse-fields.ts";

const RENDITION = { description: isHex, bitrate: isAmount, jitter: isAmount, broadcast: isText };

const VIDEO_RENDITION: FieldRules = {
  required: { codec: isName },
  optional: {
    ...RENDITION,
    codedWidth: isCount,
    codedHeight: isCount,
    displayAspectWidth: isCount,
    displayAspectHeight: isCount,
    framerate: isAmount,
    optimizeForLatency: isFlag,
  },
};

const AUDIO_RENDITION: FieldRules = {
  required: { codec: isName, sampleRate: isCount, numberOfChannels: isCount },
  optional: RENDITION,
};

const VIDEO_SECTION: FieldRules = {
  required: { renditions: isObject },
  optional: { display: isSize, rotation: isNumber, flip: isFlag },
};

const AUDIO_SECTION: FieldRules = { required: { renditions: isObject }, optional: {} };

/** One for each rendition at most. */
const MAX_BRIDGES = DEFAULT_CATALOG_LIMITS.maxRenditions;

const CANOPY_SECTION: FieldRules = {
  required: {},
  optional: {
    timed: (value) => isObject(value) && isName(value.track),
    publisher: (value) => value === "rtmp" || value === "moq" || value === "whip",
    bFrames: isFlag,
    bridges: (value) => isNameMap(value) && Object.keys(value as object).length <= MAX_BRIDGES,
  },
};

const ROOT: FieldRules = { required: {}, optional: { video: isObject, audio: isObject, canopy: isObject } };

function hasKnownContainer(rendition: JsonObject): boolean {
  const { container } = rendition;
  if (container === undefined || container === null) return true;
  if (!isObject(container)) return false;
  return (
    container.kind === "legacy" ||
    container.kind === "loc" ||
    (container.kind === "cmaf" && isText(container.init))
  );
}

function parseSection(section: JsonObject, name: "video" | "audio", limits: CatalogLimits): JsonObject {
  const fields = checkedFields(
    section,
    name,
    name === "video" ? VIDEO_SECTION : AUDIO_SECTION,
    limits.maxKeys,
  );
  const entries = Object.entries(fields.renditions as JsonObject);
  if (entries.length > limits.maxRenditions) {
    throw new MediaError("too-many", "catalog: too many renditions", {
      field: `catalog.${name}.renditions`,
      limit: limits.maxRenditions,
    });
  }
  const rules = name === "video" ? VIDEO_RENDITION : AUDIO_RENDITION;
  const renditions: [string, VideoRendition | AudioRendition][] = [];
  for (const [track, rendition] of entries) {
    const path = `${name}.renditions.${track.slice(0, 64)}`;
    if (!isObject(rendition)) throw badCatalog(path);
    // A container of a later version: this rendition cannot be played here, others can.
    if (!hasKnownContainer(rendition)) continue;
    renditions.push([track, checkedFields(rendition, path, rules, limits.maxKeys) as AudioRendition]);
  }
  return { ...fields, renditions: Object.fromEntries(renditions) };
}

/** The checks of `parseCatalog` on a value that is parsed already. */
export function checkCatalog(value: unknown, limits: CatalogLimits = DEFAULT_CATALOG_LIMITS): Catalog {
  if (!isObject(value)) throw badCatalog("root");
  const { video, audio, canopy, ...rest } = checkedFields(value, "root", ROOT, limits.maxKeys);
  return {
    ...(isObject(video) && { video: parseSection(video, "video", limits) }),
    ...(isObject(audio) && { audio: parseSection(audio, "audio", limits) }),
    ...(isObject(canopy) && { canopy: checkedFields(canopy, "canopy", CANOPY_SECTION, limits.maxKeys) }),
    ...rest,
  } as Catalog;
}

/**
 * Reads a catalog of any publisher. Tolerant as far as it is safe: unknown keys stay, optional fields that are null or
 * of the wrong kind count as absent, renditions in an unknown container are left out.
 * @throws MediaError "too-large", "too-many", "malformed" (no JSON object; a rendition without codec, or audio without
 * sampleRate or numberOfChannels).
 */
export function parseCatalog(bytes: Uint8Array, limits: CatalogLimits = DEFAULT_CATALOG_LIMITS): Catalog {
  if (bytes.length > limits.maxBytes) {
    throw new MediaError("too-large", "catalog over the size limit", {
      field: "catalog",
      limit: limits.maxBytes,
      actual: bytes.length,
    });
  }
  const text = decodeUtf8(bytes, "catalog");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MediaError("malformed", "catalog is not JSON", { field: "catalog", cause });
  }
  return checkCatalog(value, limits);
}
