/** What `requestVideoFrameCallback` tells, with the field that only received video has. */
export type ElementFrameMetadata = VideoFrameCallbackMetadata & { readonly rtpTimestamp?: number };

export interface ElementOutputDeps {
  /** The element is about to lose its picture. */
  readonly onReset: () => void;
  /** A frame went on screen. */
  readonly onFrame: (metadata: ElementFrameMetadata) => void;
  /** The browser lets the element play only without sound, until the viewer does something. */
  readonly onSoundBlocked: () => void;
}

/** The browser's own element as the place where received tracks are presented. */
export class ElementOutput {
  readonly #element: HTMLVideoElement;
  readonly #deps: ElementOutputDeps;
  readonly #stream = new MediaStream();
  #frameRequest: number | undefined;
  #isAttached = false;
  #closed = false;

  constructor(element: HTMLVideoElement, deps: ElementOutputDeps) {
    this.#element = element;
    this.#deps = deps;
  }

  addTrack(track: MediaStreamTrack): void {
    this.#stream.addTrack(track);
  }

  /** Shows what the tracks bring from now on. */
  attach(): void {
    if (this.#isAttached || this.#closed) return;
    this.#isAttached = true;
    this.#deps.onReset();
    this.#element.autoplay = false;
    this.#element.playsInline = true;
    this.#element.srcObject = this.#stream;
    this.#element.addEventListener("pause", this.#onPause);
    this.#requestFrame();
    void this.#play();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#frameRequest !== undefined) this.#element.cancelVideoFrameCallback(this.#frameRequest);
    this.#element.removeEventListener("pause", this.#onPause);
    if (this.#element.srcObject === this.#stream) {
      this.#deps.onReset();
      this.#element.srcObject = null;
    }
    for (const track of this.#stream.getTracks()) this.#stream.removeTrack(track);
  }

  /** Unmuted by a script, before the viewer did anything: the browser pauses it. The picture goes on without sound. */
  readonly #onPause = (): void => {
    if (this.#closed || this.#element.muted || navigator.userActivation?.hasBeenActive !== false) return;
    this.#element.muted = true;
    this.#deps.onSoundBlocked();
    void this.#play();
  };

  #requestFrame(): void {
    this.#frameRequest = this.#element.requestVideoFrameCallback((_now, metadata) => {
      if (this.#closed) return;
      this.#requestFrame();
      this.#deps.onFrame(metadata);
    });
  }

  async #play(): Promise<void> {
    try {
      await this.#element.play();
    } catch (cause) {
      if (this.#closed || !(cause instanceof DOMException) || cause.name !== "NotAllowedError") return;
      this.#element.muted = true;
      this.#deps.onSoundBlocked();
      // Refused even without sound: the stalled state tells, and the next gesture plays.
      await this.#element.play().catch(() => undefined);
    }
  }
}
