import { type Catalog, encodeCatalog } from "@canopy/media/catalog";
import type { Track } from "@canopy/relay";

export interface CatalogWriterDeps {
  /** The broadcast's `catalog.json` track. */
  readonly track: Track;
  nowUs(): number;
}

/** Publishes the catalog: a new group with the whole document whenever it changes. */
export class CatalogWriter {
  readonly #deps: CatalogWriterDeps;
  #last: Uint8Array | undefined;

  constructor(deps: CatalogWriterDeps) {
    this.#deps = deps;
  }

  /** Returns false if it is the same as the last one, which is not sent again. */
  write(catalog: Catalog): boolean {
    const bytes = encodeCatalog(catalog);
    if (this.#last !== undefined && Buffer.compare(this.#last, bytes) === 0) return false;
    const { track } = this.#deps;
    if (track.closed) return false;
    this.#last = bytes;
    const group = track.openGroup();
    group.append(Math.round(this.#deps.nowUs()), bytes);
    group.finish();
    return true;
  }
}
