import { element, field } from "../element.ts";
import { DeviceSelect } from "./device-select.ts";

export type SourceKind = "camera" | "screen" | "both" | "pattern";
export type ProtocolKind = "whip" | "moq";

const SOURCES: readonly (readonly [SourceKind, string])[] = [
  ["camera", "Camera"],
  ["screen", "Screen"],
  ["both", "Both"],
  ["pattern", "Pattern"],
];

const PROTOCOLS: readonly (readonly [ProtocolKind, string, string])[] = [
  ["whip", "WebRTC", "WHIP. Every browser; repairs losses and adapts to the network."],
  [
    "moq",
    "Media over QUIC",
    "WebTransport, or WebSocket where there is none. Chrome, Edge, Firefox; encoded by this page.",
  ],
];

const SIZES = ["640x360", "960x540", "1280x720", "1920x1080"] as const;

export interface PublishChoice {
  readonly source: SourceKind;
  readonly protocol: ProtocolKind;
  readonly broadcast: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly videoBitrate: number;
  readonly audio: boolean;
  readonly cameraId: string | undefined;
  readonly microphoneId: string | undefined;
}

export interface PublishFormDeps {
  /** Go live, or stop. */
  readonly onToggle: () => void;
  /** Look at the source before anything is sent, or put it away. */
  readonly onCheck: () => void;
  /** Another source or device was chosen. */
  readonly onSource: () => void;
  /** Size, rate or bitrate were changed. */
  readonly onQuality: () => void;
}

/** What to publish and how. */
export class PublishForm {
  readonly root: HTMLFormElement;
  readonly #live = element("button", { class: "button primary", type: "submit" }, "Go live");
  readonly #check = element("button", { class: "button", type: "button" }, "Check devices");
  readonly #broadcast = element("input", {
    type: "text",
    required: true,
    maxlength: 200,
    pattern: "[^\\s?#]+",
    spellcheck: "false",
    autocapitalize: "off",
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
  readonly #cameraField = field("Camera", this.#camera.root);
  readonly #microphoneField = field("Microphone", this.#microphone.root);
  readonly #fixed: HTMLFieldSetElement;
  readonly #quality: HTMLFieldSetElement;

  constructor(query: URLSearchParams, deps: PublishFormDeps) {
    this.#broadcast.value = query.get("broadcast") ?? "live/from-browser";
    for (const size of SIZES) {
      this.#size.append(
        element("option", { value: size, selected: size === "1280x720" }, size.replace("x", " × ")),
      );
    }
    for (const fps of ["15", "24", "30", "60"]) {
      this.#fps.append(element("option", { value: fps, selected: fps === "30" }, `${fps} fps`));
    }
    this.#fixed = element(
      "fieldset",
      { class: "stack plain" },
      sourceChoice(query.get("source") ?? "camera"),
      element("div", { class: "columns" }, this.#cameraField, this.#microphoneField),
      element("label", { class: "check" }, this.#audio, "With sound"),
      field("Broadcast", this.#broadcast),
      protocolChoice(query.get("protocol") ?? "whip"),
    );
    this.#quality = element(
      "fieldset",
      { class: "columns plain quality" },
      field("Size up to", this.#size),
      field("Rate", this.#fps),
      field("kbit/s up to", this.#bitrate),
    );
    this.root = element(
      "form",
      { class: "stack", "aria-label": "What to publish" },
      this.#fixed,
      this.#quality,
      element("div", { class: "row go" }, this.#live, this.#check),
    );
    this.#fixed.addEventListener("change", (event) => {
      this.#showDevices();
      const { target } = event;
      const isSource = target instanceof HTMLInputElement && target.name === "source";
      const isDevice = target === this.#camera.root || target === this.#microphone.root;
      if (isSource || isDevice || target === this.#audio) deps.onSource();
    });
    this.#quality.addEventListener("change", () => {
      if (this.#bitrate.validity.valid) deps.onQuality();
    });
    this.#check.addEventListener("click", () => deps.onCheck());
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      deps.onToggle();
    });
    this.#showDevices();
  }

  get choice(): PublishChoice {
    const [width = 1280, height = 720] = this.#size.value.split("x").map(Number);
    const picked = (name: string): string | undefined =>
      this.root.querySelector<HTMLInputElement>(`input[name="${name}"]:checked`)?.value;
    const source = picked("source");
    return {
      source: SOURCES.find(([kind]) => kind === source)?.[0] ?? "camera",
      protocol: picked("protocol") === "moq" ? "moq" : "whip",
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

  /** While something is published only the quality can be changed, and the button stops it. */
  setLive(live: boolean): void {
    this.#fixed.disabled = live;
    this.#check.hidden = live;
    this.#live.textContent = live ? "Stop" : "Go live";
    this.#live.className = live ? "button danger" : "button primary";
  }

  setChecking(checking: boolean): void {
    this.#check.textContent = checking ? "Close preview" : "Check devices";
  }

  refreshDevices(): void {
    void this.#camera.refresh();
    void this.#microphone.refresh();
  }

  #showDevices(): void {
    const { source, audio } = this.choice;
    const hasCamera = source === "camera" || source === "both";
    this.#cameraField.hidden = !hasCamera;
    this.#microphoneField.hidden = !hasCamera || !audio;
  }
}

function sourceChoice(wanted: string): HTMLElement {
  const radios = SOURCES.map(([value, label]) =>
    element(
      "label",
      {},
      element("input", { type: "radio", name: "source", value, checked: value === wanted }),
      label,
    ),
  );
  return element("fieldset", { class: "choices four" }, element("legend", {}, "Source"), ...radios);
}

function protocolChoice(wanted: string): HTMLElement {
  const radios = PROTOCOLS.map(([value, label, text]) =>
    element(
      "label",
      {},
      element("input", { type: "radio", name: "protocol", value, checked: value === wanted }),
      element("b", {}, label),
      element("small", {}, text),
    ),
  );
  return element("fieldset", { class: "choices two" }, element("legend", {}, "Sent by"), ...radios);
}
