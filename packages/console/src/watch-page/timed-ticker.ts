import { element } from "../element.ts";
import type { TimedDetail } from "./player-contract.ts";

const MAX_SHOWN = 50;

/** The timed messages as they fire, newest first. */
export class TimedTicker {
  readonly root: HTMLElement;
  readonly #list = element("ol", {
    class: "ticker",
    reversed: true,
    "aria-live": "polite",
    tabindex: 0,
    "aria-label": "Timed messages",
  });
  readonly #empty = element(
    "p",
    { class: "soft" },
    "Messages appear here on their frame. Send one from the ",
    element("a", { href: "/" }, "console"),
    ".",
  );

  constructor() {
    this.root = element("div", {}, this.#empty, this.#list);
  }

  add(viewer: string, detail: TimedDetail): void {
    this.#empty.hidden = true;
    const { message } = detail;
    const offsetMs = (detail.mediaTimeUs - message.at) / 1000;
    this.#list.prepend(
      element(
        "li",
        {},
        element(
          "div",
          { class: "head" },
          element("b", {}, message.type),
          element("span", { class: "tag" }, detail.source),
          element("span", {}, viewer),
          element("span", { class: "number" }, new Date(message.at / 1000).toISOString().slice(11, 23)),
          element(
            "span",
            { class: "number", title: "frame time minus message time" },
            `${offsetMs >= 0 ? "+" : ""}${offsetMs.toFixed(1)} ms`,
          ),
        ),
        element("pre", {}, JSON.stringify(message.data)),
      ),
    );
    while (this.#list.childElementCount > MAX_SHOWN) this.#list.lastElementChild?.remove();
  }
}
