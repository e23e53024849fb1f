import { createPlayer } from "../control/create-player.ts";
import type { Player, PlayerDeps } from "../control/player.ts";
import type { PlayerEvents } from "../control/player-events.ts";
import type { PlayerState } from "../control/player-state.ts";
import type { PlayerStats } from "../control/player-stats.ts";
import type { PlayerError } from "../player-error.ts";
import type { TransportName } from "../upstream/upstream.ts";
import { keyAction } from "./keyboard.ts";
import { PlayerView } from "./player-view.ts";
import { LOOK_ATTRIBUTES, readAttributes, SOURCE_ATTRIBUTES } from "./read-attributes.ts";

/** Without the pointer's movement the controls leave after this. */
const REST_AFTER_MS = 2_500;

/** Latency badge and stats overlay. */
const REFRESH_MS = 250;

const VOLUME_STEP = 0.1;

/** In Node and workers there is no HTMLElement to extend; importing must work there all the same. */
const ElementBase = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

/**
 * `<canopy-player src|locate broadcast [region] [token] [transports] [websocket-mapping] [latency] [sync] [muted] [controls] [poster]>`.
 * Plays as soon as it stands in a page and has `src` or `locate`, and `broadcast`. Events: those of `PlayerEvents`.
 */
export class CanopyPlayerElement extends ElementBase {
  static readonly observedAttributes: readonly string[] = [...SOURCE_ATTRIBUTES, ...LOOK_ATTRIBUTES];

  /** Replaces parts of the player, such as its transports; read when playback starts. */
  playerOverrides: Partial<PlayerDeps> = {};

  #view: PlayerView | undefined;
  #player: Player | undefined;
  #error: PlayerError | undefined;
  #isRestartDue = false;
  #isStatsOpen = false;
  #isMuted = false;
  #volume = 1;
  #restTimer: ReturnType<typeof setTimeout> | undefined;
  #refreshTimer: ReturnType<typeof setInterval> | undefined;
  #pageEvents: AbortController | undefined;

  get state(): PlayerState {
    return this.#player?.state ?? "idle";
  }

  get transport(): TransportName | undefined {
    return this.#player?.transport;
  }

  get latencyMs(): number {
    return this.#player?.latencyMs ?? 0;
  }

  get muted(): boolean {
    return this.#isMuted;
  }

  set muted(muted: boolean) {
    this.#isMuted = muted;
    if (this.#player !== undefined) this.#player.muted = muted;
    this.#update();
  }

  get volume(): number {
    return this.#volume;
  }

  set volume(volume: number) {
    this.#volume = Math.min(1, Math.max(0, volume));
    if (this.#player !== undefined) this.#player.volume = this.#volume;
    this.#update();
  }

  stats(): PlayerStats | undefined {
    return this.#player?.stats();
  }

  play(): void {
    if (this.#player === undefined) this.#start();
    else this.#player.play();
  }

  pause(): void {
    this.#player?.pause();
  }

  /** See `Player.setRendition`. */
  setRendition(name: string | undefined): void {
    this.#player?.setRendition(name);
  }

  connectedCallback(): void {
    this.#openView();
    this.#pageEvents = new AbortController();
    const { signal } = this.#pageEvents;
    document.addEventListener("visibilitychange", () => this.#player?.setHidden(document.hidden), { signal });
    document.addEventListener("fullscreenchange", () => this.#update(), { signal });
    window.addEventListener("online", () => this.#player?.retryNow(), { signal });
    this.#refreshTimer = setInterval(() => this.#refresh(), REFRESH_MS);
    this.#isMuted = this.hasAttribute("muted");
    this.#restartSoon();
  }

  disconnectedCallback(): void {
    this.#pageEvents?.abort();
    clearInterval(this.#refreshTimer);
    clearTimeout(this.#restTimer);
    // A move within the page disconnects and connects in one go; what is playing then goes on.
    queueMicrotask(() => {
      if (!this.isConnected) this.#stop();
    });
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    if (name === "muted") this.muted = after !== null;
    else if (SOURCE_ATTRIBUTES.some((attribute) => attribute === name)) {
      if (this.isConnected) {
        this.#stop();
        this.#restartSoon();
      }
    } else this.#update();
  }

  /** Several attributes that are set one after the other start playback once. */
  #restartSoon(): void {
    if (this.#isRestartDue) return;
    this.#isRestartDue = true;
    queueMicrotask(() => {
      this.#isRestartDue = false;
      if (this.isConnected && this.#player === undefined) this.#start();
    });
  }

  #start(): void {
    const view = this.#openView();
    const warn = (text: string): void => console.warn(`<canopy-player>: ${text}`);
    const attributes = readAttributes((name) => this.getAttribute(name), warn);
    if (attributes === undefined) {
      this.#update();
      return;
    }
    const player = createPlayer(
      {
        ...attributes,
        muted: this.#isMuted,
        volume: this.#volume,
        canvas: view.canvas,
        mediaElement: view.video,
      },
      this.playerOverrides,
    );
    this.#player = player;
    player.setHidden(document.hidden);
    for (const name of ["timed", "tracks"] as const) {
      player.on(name, (detail) => this.#emit(name, detail));
    }
    player.on("statechange", (detail) => {
      if (detail.state !== "failed") this.#error = undefined;
      this.#update();
      this.#emit("statechange", detail);
    });
    player.on("transportchange", (detail) => {
      this.#update();
      this.#emit("transportchange", detail);
    });
    player.on("surfacechange", () => this.#update());
    player.on("soundchange", (detail) => {
      this.#update();
      this.#emit("soundchange", detail);
    });
    player.on("error", (detail) => {
      if (detail.fatal) this.#error = detail.error;
      this.#update();
      this.#emit("error", detail);
    });
    player.play();
  }

  #stop(): void {
    const player = this.#player;
    this.#player = undefined;
    this.#error = undefined;
    player?.close();
    this.#update();
  }

  #emit<Name extends keyof PlayerEvents>(name: Name, detail: PlayerEvents[Name]): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: name !== "error", composed: true }));
  }

  #openView(): PlayerView {
    if (this.#view !== undefined) return this.#view;
    const root = this.attachShadow({ mode: "open" });
    const view = new PlayerView(root, {
      onPlayToggle: () => this.#togglePlay(),
      onMuteToggle: () => this.#toggleMute(),
      onVolume: (volume) => {
        this.volume = volume;
        if (volume > 0) this.muted = false;
      },
      onFullscreenToggle: () => this.#toggleFullscreen(),
      onStatsToggle: () => this.#toggleStats(),
      onRendition: (name) => this.setRendition(name),
      onUnmute: () => this.#unlockSound(),
    });
    this.#view = view;
    view.stage.addEventListener("keydown", (event) => this.#onKey(event));
    view.stage.addEventListener("pointermove", () => this.#wake());
    view.stage.addEventListener("pointerleave", () => this.#rest());
    view.stage.addEventListener("click", () => {
      this.#unlockSound();
      this.#wake();
    });
    return view;
  }

  #onKey(event: KeyboardEvent): void {
    const action = keyAction(event);
    const target = event.composedPath()[0];
    // A focused button has the space bar to itself, and a slider the arrows.
    const isOwnKey =
      (target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter")) ||
      target instanceof HTMLSelectElement ||
      (target instanceof HTMLInputElement && event.key.startsWith("Arrow"));
    if (action === undefined || isOwnKey) return;
    event.preventDefault();
    this.#wake();
    if (action === "toggle-play") this.#togglePlay();
    else if (action === "toggle-mute") this.#toggleMute();
    else if (action === "toggle-fullscreen") this.#toggleFullscreen();
    else if (action === "toggle-stats") this.#toggleStats();
    else this.volume += action === "louder" ? VOLUME_STEP : -VOLUME_STEP;
  }

  #togglePlay(): void {
    if (this.state === "idle" || this.state === "failed") {
      this.play();
      this.#player?.unlockSound();
    } else this.pause();
  }

  #toggleMute(): void {
    if (this.#isMuted && this.#volume === 0) this.volume = 1;
    this.muted = !this.#isMuted;
    this.#unlockSound();
  }

  #unlockSound(): void {
    if (!this.#isMuted) this.#player?.unlockSound();
  }

  #toggleStats(): void {
    this.#isStatsOpen = !this.#isStatsOpen;
    this.#refresh();
    this.#update();
  }

  #toggleFullscreen(): void {
    // A refusal (an embedding page without permission) leaves everything as it is.
    if (document.fullscreenElement === this) void document.exitFullscreen().catch(() => {});
    else void this.requestFullscreen().catch(() => {});
  }

  #wake(): void {
    delete this.dataset.resting;
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => this.#rest(), REST_AFTER_MS);
  }

  #rest(): void {
    if (this.state === "playing" && !this.#isStatsOpen) this.dataset.resting = "";
  }

  #refresh(): void {
    if (this.#player !== undefined) this.#view?.updateStats(this.#player, this.#isStatsOpen);
  }

  #update(): void {
    this.dataset.state = this.state;
    if (this.transport === undefined) delete this.dataset.transport;
    else this.dataset.transport = this.transport;
    if (this.state !== "playing") delete this.dataset.resting;
    this.#view?.update({
      player: this.#player,
      error: this.#error,
      hasControls: this.hasAttribute("controls"),
      isMuted: this.#isMuted,
      volume: this.#volume,
      isStatsOpen: this.#isStatsOpen,
      isFullscreen: document.fullscreenElement === this,
      poster: this.getAttribute("poster"),
      isUnset: !(this.hasAttribute("src") || this.hasAttribute("locate")) || !this.hasAttribute("broadcast"),
    });
  }
}
