import { element } from "../element.ts";

/** A list of cameras or microphones. Names are known only after the user has allowed one. */
export class DeviceSelect {
  readonly root = element("select");
  readonly #kind: MediaDeviceKind;

  constructor(kind: "videoinput" | "audioinput") {
    this.#kind = kind;
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.refresh());
    void this.refresh();
  }

  get deviceId(): string | undefined {
    return this.root.value === "" ? undefined : this.root.value;
  }

  async refresh(): Promise<void> {
    const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    const chosen = this.root.value;
    const options = [element("option", { value: "" }, "Default")];
    for (const { kind, deviceId, label } of devices) {
      if (kind !== this.#kind || deviceId === "" || deviceId === "default") continue;
      options.push(element("option", { value: deviceId }, label || `Device ${options.length}`));
    }
    this.root.replaceChildren(...options);
    this.root.value = options.some((option) => option.value === chosen) ? chosen : "";
  }
}
