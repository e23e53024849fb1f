/** What the page has made and not released yet, by the browser's own classes. */
export interface OpenResources {
  readonly videoFrames: number;
  readonly videoDecoders: number;
  readonly audioDecoders: number;
  readonly audioContexts: number;
  /** Repaint callbacks asked for during one second. */
  readonly repaints: number;
}

declare global {
  interface Window {
    countResources: () => Promise<OpenResources>;
  }
}

/** Runs in the page before its scripts: wraps the classes so that what is left open can be counted. */
export function observeResources(): void {
  const open = { videoFrames: new Set<object>(), videoDecoders: 0, audioDecoders: 0, audioContexts: 0 };
  const originalVideoDecoder = window.VideoDecoder;
  const closeFrame = VideoFrame.prototype.close;
  VideoFrame.prototype.close = function (this: VideoFrame): void {
    open.videoFrames.delete(this);
    closeFrame.call(this);
  };
  window.VideoDecoder = class extends originalVideoDecoder {
    #isOpen = true;
    constructor(init: VideoDecoderInit) {
      super({
        error: (error) => {
          this.#onClosed();
          init.error(error);
        },
        output: (frame) => {
          open.videoFrames.add(frame);
          init.output(frame);
        },
      });
      open.videoDecoders += 1;
    }
    override close(): void {
      super.close();
      this.#onClosed();
    }
    #onClosed(): void {
      if (this.#isOpen) open.videoDecoders -= 1;
      this.#isOpen = false;
    }
  };
  window.AudioDecoder = class extends window.AudioDecoder {
    constructor(init: AudioDecoderInit) {
      super(init);
      open.audioDecoders += 1;
    }
    override close(): void {
      super.close();
      open.audioDecoders -= 1;
    }
  };
  window.AudioContext = class extends window.AudioContext {
    constructor(options?: AudioContextOptions) {
      super(options);
      open.audioContexts += 1;
    }
    override close(): Promise<void> {
      open.audioContexts -= 1;
      return super.close();
    }
  };
  let repaints = 0;
  const request = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) => {
    repaints += 1;
    return request(callback);
  };
  window.countResources = async () => {
    repaints = 0;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return { ...open, videoFrames: open.videoFrames.size, repaints };
  };
}
