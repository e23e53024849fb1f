import { element, Figures } from "../element.ts";
import { formatMilliseconds } from "../shell/format-figures.ts";
import { messageText } from "./message-text.ts";
import type { CanopyPlayer, TimedDetail } from "./player-contract.ts";
import { statEntries } from "./stat-entries.ts";
import type { ViewerAttributes } from "./watch-query.ts";

const FLASH_MS = 2_400;

/** One player with its figures. */
export class ViewerCard {
  readonly root: HTMLElement;
  readonly player: CanopyPlayer;
  readonly #figures = new Figures(["State", "Transport", "Latency"]);
  readonly #tag = element("span", { class: "tag" }, "idle");
  readonly #stats = element("dl");
  readonly #error = element("p", { class: "notice bad", role: "alert", hidden: true });
  readonly #flash = element("div", { class: "flash", "aria-hidden": "true" });
  #flashTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(title: string, attributes: ViewerAttributes, onTimed: (detail: TimedDetail) => void) {
    this.player = document.createElement("canopy-player") as CanopyPlayer;
    for (const [name, value] of Object.entries(attributes)) this.player.setAttribute(name, value);
    this.player.addEventListener("timed", (event) => {
      const { detail } = event as CustomEvent<TimedDetail>;
      this.#showFlash(detail);
      onTimed(detail);
    });
    this.player.addEventListener("error", (event) => {
      // A DOM "error" event by its name, a CustomEvent by its making.
      const { detail } = event as Event & { readonly detail?: unknown };
      this.#showError(detail);
    });
    this.player.addEventListener("statechange", () => this.refresh());
    this.player.addEventListener("transportchange", () => this.refresh());
    this.root = element(
      "section",
      { class: "viewer", "aria-label": title },
      element("div", { class: "screen" }, this.player, this.#flash),
      element(
        "div",
        { class: "viewer-head" },
        element("h2", {}, title),
        this.#tag,
        element("span", { class: "tag mono" }, attributes.src ?? ""),
      ),
      this.#error,
      this.#figures.root,
      element("details", { class: "details" }, element("summary", {}, "All statistics"), this.#stats),
    );
  }

  refresh(): void {
    const { state = "loading", transport, latencyMs } = this.player;
    this.#figures.set("State", state);
    this.#figures.set("Transport", transport || "–");
    this.#figures.set("Latency", state === "playing" ? formatMilliseconds(latencyMs) : "–");
    this.#tag.textContent = state;
    this.#tag.className = state === "playing" ? "tag good live" : state === "failed" ? "tag bad" : "tag";
    if (state === "playing") this.#error.hidden = true;
    if (this.#stats.parentElement?.hasAttribute("open")) this.#showStats();
  }

  #showStats(): void {
    const entries = statEntries(this.player.stats?.());
    this.#stats.replaceChildren(
      ...entries.map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, value)),
      ),
    );
  }

  #showError(detail: unknown): void {
    const { error, fatal } = (detail ?? {}) as { readonly error?: unknown; readonly fatal?: boolean };
    const message = error instanceof Error ? error.message : "the player reported an error";
    this.#error.textContent = fatal === true ? `Playback ended: ${message}` : `Trying again: ${message}`;
    this.#error.className = fatal === true ? "notice bad" : "notice warn";
    this.#error.hidden = false;
  }

  #showFlash(detail: TimedDetail): void {
    this.#flash.textContent = messageText(detail.message.type, detail.message.data);
    this.#flash.classList.add("on");
    clearTimeout(this.#flashTimer);
    this.#flashTimer = setTimeout(() => this.#flash.classList.remove("on"), FLASH_MS);
  }
}
