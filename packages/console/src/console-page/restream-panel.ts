import { addRestream, type RestreamSummary, removeRestream } from "../api/restreams.ts";
import { element, field } from "../element.ts";
import { formatBytes, formatDuration } from "../shell/format-figures.ts";
import { replaceKeepingFocus } from "../shell/replace-keeping-focus.ts";

const TAGS: Readonly<Record<string, string>> = {
  live: "tag good live",
  retrying: "tag bad",
  connecting: "tag warn",
};

/** The restreams with their state, and a form for another one. */
export class RestreamPanel {
  readonly root: HTMLElement;
  readonly #origin: string;
  readonly #list = element("div");
  readonly #broadcast = element("input", {
    type: "text",
    id: "restream-broadcast",
    list: "restream-broadcasts",
    required: true,
    maxlength: 256,
    placeholder: "live/demo",
  });
  readonly #paths = element("datalist", { id: "restream-broadcasts" });
  readonly #target = element("input", {
    // The key is in it: not to be read over a shoulder, nor remembered by the browser.
    type: "password",
    id: "restream-target",
    required: true,
    maxlength: 2_048,
    autocomplete: "off",
    placeholder: "rtmps://host/app/stream-key",
  });
  readonly #add = element("button", { class: "button primary", type: "submit" }, "Restream");
  readonly #result = element("div", { role: "status" });
  #shown = "";

  constructor(origin: string) {
    this.#origin = origin;
    const form = element(
      "form",
      { class: "stack", "aria-label": "Add a restream" },
      element(
        "div",
        { class: "columns wide" },
        field("Broadcast to restream", this.#broadcast),
        field("Target", this.#target, "RTMP or RTMPS, with the stream key. It is not shown again."),
      ),
      this.#paths,
      element("div", { class: "row" }, this.#add),
      this.#result,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.root = element("div", { class: "stack" }, this.#list, form);
  }

  setBroadcasts(paths: readonly string[]): void {
    this.#paths.replaceChildren(...paths.map((path) => element("option", { value: path })));
  }

  /** A text tells why there is no list. */
  show(restreams: readonly RestreamSummary[] | string): void {
    const key = JSON.stringify(restreams);
    if (key === this.#shown) return;
    this.#shown = key;
    replaceKeepingFocus(this.#list, this.#content(restreams));
  }

  #content(restreams: readonly RestreamSummary[] | string): Node[] {
    if (typeof restreams === "string") return [element("p", { class: "notice bad" }, restreams)];
    if (restreams.length === 0) {
      return [element("p", { class: "soft" }, "Nothing is passed on to other servers.")];
    }
    return restreams.map((restream) => this.#entry(restream));
  }

  #entry(restream: RestreamSummary): HTMLElement {
    const { id, broadcast, target, state, sinceMs, bytes, retries, error } = restream;
    const seconds = sinceMs === undefined ? undefined : (Date.now() - sinceMs) / 1_000;
    const remove = element(
      "button",
      { class: "button small danger", type: "button", "data-focus": `restream:${id}` },
      "Remove",
    );
    remove.setAttribute("aria-label", `Remove the restream of ${broadcast} to ${target}`);
    remove.addEventListener("click", () => void this.#remove(id, remove));
    const entry = element(
      "article",
      { class: "broadcast", "aria-label": `${broadcast} to ${target}` },
      element(
        "div",
        { class: "broadcast-head" },
        element("span", { class: "path" }, broadcast),
        element("span", { class: TAGS[state] ?? "tag" }, state),
        seconds !== undefined && element("span", { class: "soft number" }, `for ${formatDuration(seconds)}`),
        element("div", { class: "actions" }, remove),
      ),
      element(
        "ul",
        { class: "tracks" },
        element("li", { class: "mono" }, target),
        element("li", { class: "number" }, `${formatBytes(bytes)} sent`),
        retries > 0 && element("li", { class: "number" }, `${retries} reconnections`),
      ),
    );
    if (error !== undefined) {
      entry.append(element("ul", { class: "warnings", "aria-label": "Errors" }, element("li", {}, error)));
    }
    return entry;
  }

  async #submit(): Promise<void> {
    this.#add.disabled = true;
    try {
      await addRestream(this.#origin, this.#broadcast.value.trim(), this.#target.value.trim());
      this.#target.value = "";
      this.#result.replaceChildren();
    } catch (error) {
      this.#complain(error);
    } finally {
      this.#add.disabled = false;
    }
  }

  async #remove(id: string, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    try {
      await removeRestream(this.#origin, id);
      this.#result.replaceChildren();
    } catch (error) {
      button.disabled = false;
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#result.replaceChildren(element("p", { class: "notice bad" }, message));
  }
}
