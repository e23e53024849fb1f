import type { RecordedMessage } from "../api/recordings.ts";
import { element } from "../element.ts";
import { formatOffset } from "./replay-clock.ts";

/** The events of a recording in order; the one whose moment it is stands out, and each leads to its moment. */
export class EventList {
  readonly root: HTMLElement;
  readonly #onChosen: (offsetSeconds: number) => void;
  readonly #list = element("ol", { class: "moments", "aria-label": "Events", tabindex: 0 });
  readonly #empty = element("p", { class: "soft" }, "No events were recorded.");
  #shown = "";
  #current: Element | undefined;

  constructor(onChosen: (offsetSeconds: number) => void) {
    this.#onChosen = onChosen;
    this.root = element("div", {}, this.#empty, this.#list);
  }

  show(messages: readonly RecordedMessage[]): void {
    const key = JSON.stringify(messages);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#empty.hidden = messages.length > 0;
    this.#list.hidden = messages.length === 0;
    this.#list.replaceChildren(...messages.map((message) => this.#entry(message)));
  }

  highlight(index: number): void {
    const next = this.#list.children[index];
    if (next === this.#current) return;
    this.#current?.removeAttribute("aria-current");
    this.#current = next;
    if (next === undefined) return;
    next.setAttribute("aria-current", "true");
    const { offsetTop } = next as HTMLElement;
    // Within the list alone: the page must not jump while somebody reads elsewhere.
    this.#list.scrollTo({ top: offsetTop - this.#list.offsetTop - this.#list.clientHeight / 2 });
  }

  #entry(message: RecordedMessage): HTMLElement {
    const button = element(
      "button",
      { type: "button", title: `Play from ${formatOffset(message.offsetSeconds)}` },
      element("span", { class: "number" }, formatOffset(message.offsetSeconds)),
      element("b", {}, message.type),
      element("span", { class: "mono" }, JSON.stringify(message.data)),
    );
    button.addEventListener("click", () => this.#onChosen(message.offsetSeconds));
    return element("li", {}, button);
  }
}
