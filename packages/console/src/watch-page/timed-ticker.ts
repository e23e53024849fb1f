import { element } from "../element.ts";
import type { TimedDetail } from "./player-contract.ts";

const MAX_SHOWN = 50;
/** Messages can come thirty times a second, and each that is shown moves all others: so often at most. */
const SHOWN_EVERY_MS = 250;

interface Fired {
  readonly viewer: string;
  readonly detail: TimedDetail;
}

/** The timed messages that have fired, newest first. */
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

  /** Fired since the list was shown last. */
  readonly #next: Fired[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.root = element("div", {}, this.#empty, this.#list);
  }

  add(viewer: string, detail: TimedDetail): void {
    this.#next.push({ viewer, detail });
    if (this.#next.length > MAX_SHOWN) this.#next.shift();
    this.#timer ??= setTimeout(() => this.#show(), SHOWN_EVERY_MS);
  }

  #show(): void {
    this.#timer = undefined;
    this.#empty.hidden = true;
    this.#list.prepend(...this.#next.splice(0).reverse().map(describe));
    while (this.#list.childElementCount > MAX_SHOWN) this.#list.lastElementChild?.remove();
  }
}

function describe({ viewer, detail: { message, mediaTimeUs, source } }: Fired): HTMLElement {
  const offsetMs = (mediaTimeUs - message.at) / 1000;
  return element(
    "li",
    {},
    element(
      "div",
      { class: "head" },
      element("b", {}, message.type),
      element("span", { class: "tag" }, source),
      element("span", {}, viewer),
      element("span", { class: "number" }, new Date(message.at / 1000).toISOString().slice(11, 23)),
      element(
        "span",
        { class: "number", title: "frame time minus message time" },
        `${offsetMs >= 0 ? "+" : ""}${offsetMs.toFixed(1)} ms`,
      ),
    ),
    element("pre", {}, JSON.stringify(message.data)),
  );
}
