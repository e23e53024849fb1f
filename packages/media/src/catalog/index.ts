export { decodeHex, encodeHex } from "../bytes/hex.ts";
export {
  type AudioRendition,
  type AudioSection,
  type CanopySection,
  type Catalog,
  type CatalogContainer,
  type CatalogLimits,
  DEFAULT_CATALOG_LIMITS,
  type VideoRendition,
  type VideoSection,
} from "./catalog.ts";
export { encodeCatalog } from "./encode-catalog.ts";
export { checkCatalog, parseCatalog } from "./parse-catalog.ts";
