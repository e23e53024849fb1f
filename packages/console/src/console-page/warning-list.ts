import { element } from "../element.ts";
import type { NetworkWarning } from "./find-warnings.ts";

/** What needs an operator, announced to screen readers when it changes. */
export class WarningList {
  readonly root = element("div", { role: "status" });
  #shown = "";

  show(warnings: readonly NetworkWarning[]): void {
    const key = JSON.stringify(warnings);
    if (key === this.#shown) return;
    this.#shown = key;
    const entries = warnings.map(({ level, about, text }) =>
      element("li", { class: `notice ${level}` }, element("strong", {}, about), ` ${text}`),
    );
    this.root.replaceChildren(
      entries.length === 0
        ? element("p", { class: "notice good" }, "Nothing needs attention.")
        : element("ul", { class: "warning-list" }, ...entries),
    );
  }
}
