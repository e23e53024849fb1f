import type { Player } from "../control/player.ts";
import type { PlayerError } from "../player-error.ts";
import { ICONS } from "./icons.ts";
import { PLAYER_STYLE } from "./player-style.ts";
import { PLAYER_TEMPLATE } from "./player-template.ts";
import { spokenState, stateText } from "./state-text.ts";
import { statsRows } from "./stats-rows.ts";

/** What the viewer does with the controls. */
export interface PlayerViewDeps {
  readonly onPlayToggle: () => void;
  readonly onMuteToggle: () => void;
  readonly onVolume: (volume: number) => void;
  readonly onFullscreenToggle: () => void;
  readonly onStatsToggle: () => void;
  readonly onRendition: (name: string | undefined) => void;
  readonly onUnmute: () => void;
}

/** What the view shows besides the player's own state. */
export interface PlayerViewState {
  readonly player: Player | undefined;
  readonly error: PlayerError | undefined;
  readonly hasControls: boolean;
  readonly isMuted: boolean;
  readonly volume: number;
  readonly isStatsOpen: boolean;
  readonly isFullscreen: boolean;
  readonly poster: string | null;
  /** Nothing to play yet. */
  readonly isUnset: boolean;
}

/** Value of the quality list for "let the player choose". */
const AUTO = "";

/** The shadow tree of the element: writes what is there to see and reports what is done with it. */
export class PlayerView {
  readonly canvas: HTMLCanvasElement;
  readonly video: HTMLVideoElement;
  readonly stage: HTMLElement;
  readonly #root: ShadowRoot;
  #spoken = "";
  #renditions = "";

  constructor(root: ShadowRoot, deps: PlayerViewDeps) {
    this.#root = root;
    const style = document.createElement("style");
    style.textContent = PLAYER_STYLE;
    const template = document.createElement("template");
    template.innerHTML = PLAYER_TEMPLATE;
    root.append(style, template.content);
    this.canvas = this.#find("canvas", HTMLCanvasElement);
    this.video = this.#find("video", HTMLVideoElement);
    this.stage = this.#find("stage", HTMLElement);
    const onClick = (id: string, action: () => void): void => {
      this.#find(id, HTMLElement).addEventListener("click", (event) => {
        event.stopPropagation();
        action();
      });
    };
    onClick("play", deps.onPlayToggle);
    onClick("start", deps.onPlayToggle);
    onClick("message-action", deps.onPlayToggle);
    onClick("mute", deps.onMuteToggle);
    onClick("unmute", deps.onUnmute);
    onClick("stats-toggle", deps.onStatsToggle);
    onClick("fullscreen", deps.onFullscreenToggle);
    const volume = this.#find("volume", HTMLInputElement);
    volume.addEventListener("input", () => deps.onVolume(volume.valueAsNumber));
    const rendition = this.#find("rendition", HTMLSelectElement);
    rendition.addEventListener("change", () => {
      deps.onRendition(rendition.value === AUTO ? undefined : rendition.value);
    });
  }

  update(view: PlayerViewState): void {
    const state = view.player?.state ?? "idle";
    const isActive = state !== "idle" && state !== "failed";
    const isInElement = view.player?.isInElement ?? false;
    this.video.hidden = !isInElement;
    this.canvas.hidden = isInElement;
    this.#updateMessage(view);
    this.#find("start", HTMLElement).hidden = state !== "idle" || view.isUnset;
    this.#find("controls", HTMLElement).hidden = !view.hasControls;
    this.#setButton("play", isActive ? "Pause" : "Play", isActive ? ICONS.pause : ICONS.play, "k");
    const isSilent = view.isMuted || view.volume === 0;
    this.#setButton("mute", isSilent ? "Unmute" : "Mute", isSilent ? ICONS.muted : ICONS.loud, "m");
    this.#setButton(
      "fullscreen",
      view.isFullscreen ? "Leave full screen" : "Full screen",
      view.isFullscreen ? ICONS.shrink : ICONS.enlarge,
      "f",
    );
    const volume = this.#find("volume", HTMLInputElement);
    const level = isSilent ? 0 : view.volume;
    volume.valueAsNumber = level;
    volume.style.setProperty("--_level", `${level * 100}%`);
    const isBlocked = view.player?.isSoundBlocked ?? false;
    this.#find("unmute", HTMLElement).hidden = !isBlocked || state === "failed" || state === "ended";
    this.#find("stats-toggle", HTMLElement).setAttribute("aria-pressed", String(view.isStatsOpen));
    this.#find("stats", HTMLElement).hidden = !view.isStatsOpen;
    const poster = this.#find("poster", HTMLImageElement);
    const hasPicture = (view.player?.stats().width ?? 0) > 0;
    poster.hidden = view.poster === null || hasPicture;
    if (view.poster !== null && poster.src !== view.poster) poster.src = view.poster;
    this.#speak(view.isUnset ? "" : spokenState(state, view.error));
  }

  /** The parts that change all the time; called a few times a second while playing. */
  updateStats(player: Player, isStatsOpen: boolean): void {
    const stats = player.stats();
    const isPlaying = stats.state === "playing" && stats.latencyMs > 0;
    this.#setText("latency", isPlaying ? formatLatency(stats.latencyMs) : "");
    this.#updateRenditions(stats.renditions, stats.rendition);
    if (!isStatsOpen) return;
    const list = this.#find("stats", HTMLElement);
    const rows = statsRows(stats);
    if (list.childElementCount !== rows.length * 2) {
      list.replaceChildren(
        ...rows.flatMap(() => [document.createElement("dt"), document.createElement("dd")]),
      );
    }
    rows.forEach((row, index) => {
      const term = list.children[index * 2];
      const value = list.children[index * 2 + 1];
      if (term !== undefined) term.textContent = row.label;
      if (value !== undefined) value.textContent = row.value;
    });
  }

  #updateMessage(view: PlayerViewState): void {
    const state = view.player?.state ?? "idle";
    const text = view.isUnset
      ? { title: "Nothing to play", detail: "Set src and broadcast.", action: undefined, isBusy: false }
      : stateText(state, view.error);
    this.#find("message", HTMLElement).hidden = text === undefined;
    if (text === undefined) return;
    this.#find("spinner", HTMLElement).hidden = !text.isBusy;
    const icon = state === "failed" ? ICONS.failed : state === "ended" ? ICONS.offline : "";
    this.#setMarkup("message-icon", icon);
    this.#setText("message-title", text.title);
    this.#setText("message-detail", text.detail);
    this.#setText("message-action", text.action ?? "");
    this.#find("message-action", HTMLElement).hidden = text.action === undefined;
  }

  #updateRenditions(names: readonly string[], current: string | undefined): void {
    const key = names.join("\n");
    const list = this.#find("rendition", HTMLSelectElement);
    list.hidden = names.length < 2;
    if (key === this.#renditions) return;
    this.#renditions = key;
    const auto = new Option(`Auto${current === undefined ? "" : ` (${current})`}`, AUTO);
    list.replaceChildren(auto, ...names.map((name) => new Option(name, name)));
  }

  #setButton(id: string, label: string, icon: string, key: string): void {
    const button = this.#find(id, HTMLElement);
    if (button.getAttribute("aria-label") === label && button.firstElementChild !== null) return;
    button.setAttribute("aria-label", label);
    button.title = `${label} (${key})`;
    button.innerHTML = icon;
  }

  #setText(id: string, text: string): void {
    const element = this.#find(id, HTMLElement);
    if (element.textContent !== text) element.textContent = text;
  }

  #setMarkup(id: string, markup: string): void {
    const element = this.#find(id, HTMLElement);
    if (element.dataset.markup === markup) return;
    element.dataset.markup = markup;
    element.innerHTML = markup;
  }

  #speak(text: string): void {
    if (text === this.#spoken) return;
    this.#spoken = text;
    this.#setText("spoken", text);
  }

  #find<Kind extends Element>(id: string, kind: new () => Kind): Kind {
    const element = this.#root.getElementById(id);
    if (!(element instanceof kind)) throw new TypeError(`the template has no ${id}`);
    return element;
  }
}

function formatLatency(latencyMs: number): string {
  return latencyMs < 1000 ? `${Math.round(latencyMs / 10) * 10} ms` : `${(latencyMs / 1000).toFixed(1)} s`;
}
