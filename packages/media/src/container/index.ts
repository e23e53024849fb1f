export {
  decodeLegacyFrame,
  encodeLegacyFrame,
  type LegacyFrame,
  legacyHeaderBytes,
  writeLegacyHeader,
} from "./legacy-frame.ts";
