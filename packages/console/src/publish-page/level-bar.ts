import { LevelMeter } from "@canopy/player/publish";
import { element } from "../element.ts";

/** How much of its height a bar loses between two looks: a peak stays visible for a moment. */
const FALL = 0.06;

/** Sound that never rises above this for a while is told: a muted microphone looks just like a quiet one. */
const SILENT_LEVEL = 0.04;
const SILENT_MS = 4_000;

/** A bar that shows how loud the source is. */
export class LevelBar {
  readonly root: HTMLElement;
  readonly #fill = element("i");
  readonly #bar = element("div", {
    class: "level-track",
    role: "meter",
    "aria-label": "Sound level",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": 0,
  });
  readonly #text = element("span", { class: "level-text" });
  #meter: LevelMeter | undefined;
  #frame = 0;
  #level = 0;
  #loudAtMs = 0;

  constructor() {
    this.#bar.append(this.#fill);
    this.root = element("div", { class: "level" }, element("span", {}, "Sound"), this.#bar, this.#text);
    this.#say("–");
  }

  /** Follows the sound of a stream; undefined: nothing to follow. */
  show(stream: MediaStream | undefined): void {
    cancelAnimationFrame(this.#frame);
    this.#meter?.close();
    this.#meter = undefined;
    this.#draw(0);
    if (stream === undefined || stream.getAudioTracks().length === 0) {
      this.#say(stream === undefined ? "–" : "no sound");
      return;
    }
    this.#meter = new LevelMeter(stream);
    this.#loudAtMs = performance.now();
    const look = (): void => {
      this.#frame = requestAnimationFrame(look);
      this.#update();
    };
    look();
  }

  #update(): void {
    const level = this.#meter?.read() ?? 0;
    const nowMs = performance.now();
    if (level > SILENT_LEVEL) this.#loudAtMs = nowMs;
    this.#draw(Math.max(level, this.#level - FALL));
    this.#say(
      nowMs - this.#loudAtMs > SILENT_MS ? "silent: is it muted?" : level > 0.97 ? "too loud" : "good",
    );
  }

  #draw(level: number): void {
    this.#level = Math.max(0, level);
    this.#fill.style.inlineSize = `${this.#level * 100}%`;
    this.#fill.style.setProperty("--track", `${this.#bar.clientWidth}px`);
    this.#bar.setAttribute("aria-valuenow", String(Math.round(this.#level * 100)));
  }

  #say(text: string): void {
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#text.dataset.warn = String(text.length > 6 && text !== "no sound");
  }
}
