import { element, field } from "../element.ts";
import { DeviceSelect } from "./device-select.ts";

export type SourceKind = "camera" | "screen" | "pattern";

const SOURCES: readonly (readonly [SourceKind, string])[] = [
  ["camera", "Camera"],
  ["screen", "Screen"],
  ["pattern", "Test pattern"],
];
const SIZES = ["640x360", "960x540", "1280x720", "1920x1080"] as const;

export interface PublishChoice {
  readonly source: SourceKind;
  readonly broadcast: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly videoBitrate: number;
  readonly audio: boolean;
  readonly cameraId: string | undefined;
  readonly microphoneId: string | undefined;
}

/** What to publish and how. */
export class PublishForm {
  readonly root: HTMLFormElement;
  readonly button = element("button", { class: "button primary", type: "submit" }, "Start publishing");
  readonly #broadcast = element("input", {
    type: "text",
    required: true,
    maxlength: 200,
    pattern: "[^\\s?#]+",
  });
  readonly #size = element("select");
  readonly #fps = element("select");
  readonly #bitrate = element("input", {
    type: "number",
    min: 100,
    max: 20_000,
    step: 50,
    value: 1500,
    required: true,
  });
  readonly #audio = element("input", { type: "checkbox", checked: true });
  readonly #camera = new DeviceSelect("videoinput");
  readonly #microphone = new DeviceSelect("audioinput");
  readonly #controls: HTMLFieldSetElement;
  readonly #devices: HTMLElement;

  constructor(query: URLSearchParams, onToggle: () => void) {
    this.#broadcast.value = query.get("broadcast") ?? "live/from-browser";
    for (const size of SIZES) {
      this.#size.append(
        element("option", { value: size, selected: size === "1280x720" }, size.replace("x", " × ")),
      );
    }
    for (const fps of ["15", "24", "30", "60"]) {
      this.#fps.append(element("option", { value: fps, selected: fps === "30" }, `${fps} fps`));
    }
    const wanted = query.get("source") ?? "camera";
    const radios = SOURCES.map(([value, label]) =>
      element(
        "label",
        {},
        element("input", { type: "radio", name: "source", value, checked: value === wanted }),
        label,
      ),
    );
    this.#devices = element(
      "div",
      { class: "columns" },
      field("Camera", this.#camera.root),
      field("Microphone", this.#microphone.root),
    );
    this.#controls = element(
      "fieldset",
      { class: "stack plain" },
      element("fieldset", { class: "sources" }, element("legend", {}, "Source"), ...radios),
      this.#devices,
      field("Broadcast", this.#broadcast),
      element(
        "div",
        { class: "columns" },
        field("Size", this.#size),
        field("Rate", this.#fps),
        field("Bitrate in kbit/s", this.#bitrate),
      ),
      element("label", { class: "check" }, this.#audio, "With sound"),
    );
    this.root = element(
      "form",
      { class: "stack", "aria-label": "What to publish" },
      this.#controls,
      element("div", { class: "row" }, this.button),
    );
    this.root.addEventListener("change", () => this.#showDevices());
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      onToggle();
    });
    this.#showDevices();
  }

  get choice(): PublishChoice {
    const [width = 1280, height = 720] = this.#size.value.split("x").map(Number);
    const source = new FormData(this.root).get("source");
    return {
      source: source === "screen" || source === "pattern" ? source : "camera",
      broadcast: this.#broadcast.value.trim().replaceAll(/^\/+|\/+$/g, ""),
      width,
      height,
      fps: Number(this.#fps.value),
      videoBitrate: Number(this.#bitrate.value) * 1000,
      audio: this.#audio.checked,
      cameraId: this.#camera.deviceId,
      microphoneId: this.#microphone.deviceId,
    };
  }

  /** While something is published, the choice is fixed and the button stops it. */
  setBusy(busy: boolean): void {
    this.#controls.disabled = busy;
    this.button.textContent = busy ? "Stop" : "Start publishing";
    this.button.className = busy ? "button danger" : "button primary";
  }

  refreshDevices(): void {
    void this.#camera.refresh();
    void this.#microphone.refresh();
  }

  #showDevices(): void {
    this.#devices.hidden = this.choice.source !== "camera";
  }
}
