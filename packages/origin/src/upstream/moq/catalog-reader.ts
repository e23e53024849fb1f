import { type Catalog, checkCatalog, DEFAULT_CATALOG_LIMITS, parseCatalog } from "@canopy/media/catalog";
import { withoutNulls } from "./without-nulls.ts";

/**
 * Reads a publisher's catalog track: the first frame of a group is the whole document, later ones in the same group
 * are RFC 7396 merge patches. Nulls are left out: players refuse a catalog that has any.
 */
export class CatalogReader {
  #document: unknown;

  /** @throws MediaError */
  read(payload: Uint8Array, isFirstOfGroup: boolean): Catalog {
    if (isFirstOfGroup || this.#document === undefined) {
      const catalog = withoutNulls(parseCatalog(payload)) as Catalog;
      this.#document = catalog;
      return catalog;
    }
    // A patch has the bounds of a document: the same parser reads it, as an object that may lack anything.
    if (payload.length > DEFAULT_CATALOG_LIMITS.maxBytes) return parseCatalog(payload);
    const patched = mergePatch(this.#document, parseJson(payload), MAX_DEPTH);
    const catalog = checkCatalog(withoutNulls(patched));
    this.#document = catalog;
    return catalog;
  }
}

/** Deeper than any catalog; bounds the recursion. */
const MAX_DEPTH = 16;

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    return {};
  }
}

/** RFC 7396 section 2. */
function mergePatch(target: unknown, patch: unknown, depth: number): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch) || depth === 0) return patch;
  const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
  const merged = new Map<string, unknown>(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value, depth - 1));
  }
  return Object.fromEntries(merged);
}
