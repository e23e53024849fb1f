import { CanopyPlayerElement } from "../element/canopy-player-element.ts";

/** Importing this module registers `<canopy-player>`; where there are no elements it does nothing. */
if (typeof customElements !== "undefined" && customElements.get("canopy-player") === undefined) {
  customElements.define("canopy-player", CanopyPlayerElement);
}

declare global {
  interface HTMLElementTagNameMap {
    "canopy-player": CanopyPlayerElement;
  }
}
