/** What `requestVideoFrameCallback` tells, with the field that only received video has. */
export type ElementFrameMetadata = VideoFrameCallbackMetadata & { readonly rtpTimestamp?: number };

/** Where the element gets its media from. */
export interface ElementSource {
  attach(element: HTMLVideoElement): void;
  /** Whether the element still has this source: the page, or another transport, may have given it another one. */
  isAttached(element: HTMLVideoElement): boolean;
  detach(element: HTMLVideoElement): void;
}

export interface ElementOutputDeps {
  /** The element is about to lose its picture. */
  readonly onReset: () => void;
  /** A frame went on screen. */
  readonly onFrame: (metadata: ElementFrameMetadata) => void;
  /** The browser lets the element play only without sound, until the viewer does something. */
  readonly onSoundBlocked: () => void;
}

/** The browser's own element as the place where received media is presented. */
export class ElementOutput {
  readonly #element: HTMLVideoElement;
  readonly #source: ElementSource;
  readonly #deps: ElementOutputDeps;
  #frameRequest: number | undefined;
  #isAttached = false;
  #closed = false;

  constructor(element: HTMLVideoElement, source: ElementSource, deps: ElementOutputDeps) {
    this.#element = element;
    this.#source = source;
    this.#deps = deps;
  }

  /** Shows what the source brings from now on. */
  attach(): void {
    if (this.#isAttached || this.#closed) return;
    this.#isAttached = true;
    this.#deps.onReset();
    this.#element.autoplay = false;
    this.#element.playsInline = true;
    this.#source.attach(this.#element);
    this.#element.addEventListener("pause", this.#onPause);
    this.#requestFrame();
    void this.#play();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#frameRequest !== undefined) this.#element.cancelVideoFrameCallback(this.#frameRequest);
    this.#element.removeEventListener("pause", this.#onPause);
    if (!this.#isAttached || !this.#source.isAttached(this.#element)) return;
    this.#deps.onReset();
    this.#source.detach(this.#element);
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
