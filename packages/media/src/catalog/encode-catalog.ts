import { encodeUtf8 } from "../bytes/utf8.ts";
import { MediaError } from "../media-error.ts";
import { type Catalog, DEFAULT_CATALOG_LIMITS } from "./catalog.ts";
import { checkCatalog } from "./parse-catalog.ts";
import { badCatalog } from "./parse-fields.ts";

/** Optional fields of hang's schema are absent or set; null refuses the whole catalog in its players. */
function refuseNull(value: unknown, path: string): void {
  if (value === null) throw badCatalog(path);
  if (typeof value !== "object" || value === undefined) return;
  for (const [key, field] of Object.entries(value as object))
    refuseNull(field, path === "" ? key : `${path}.${key}`);
}

/**
 * The catalog as UTF-8 JSON. Strict where `parseCatalog` is tolerant: null anywhere, a field of the wrong kind or a
 * missing required one is an error of the caller, who would otherwise publish what players refuse.
 * @throws MediaError "malformed", "too-large", "too-many".
 */
export function encodeCatalog(catalog: Catalog): Uint8Array<ArrayBuffer> {
  let text: string;
  try {
    refuseNull(catalog, "");
    text = JSON.stringify(catalog);
  } catch (cause) {
    if (cause instanceof MediaError) throw cause;
    throw new MediaError("malformed", "catalog cannot be written as JSON", { field: "catalog", cause });
  }
  const bytes = encodeUtf8(text);
  const limit = DEFAULT_CATALOG_LIMITS.maxBytes;
  if (bytes.length > limit) {
    throw new MediaError("too-large", "catalog over the size limit", {
      field: "catalog",
      limit,
      actual: bytes.length,
    });
  }
  // The tolerant reader leaves out what is wrong, so a difference in size is a fault in a field.
  const kept = JSON.stringify(checkCatalog(JSON.parse(text)));
  if (kept.length !== text.length) throw badCatalog("field of the wrong kind");
  return bytes;
}
