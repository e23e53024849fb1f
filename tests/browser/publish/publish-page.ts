import {
  LevelMeter,
  openMedia,
  type Publisher,
  type PublisherState,
  type PublishOptions,
  publish,
} from "@canopy/player/publish";

/** Runs in the page of the publish tests. */
class PublisherPage {
  readonly states: PublisherState[] = [];
  readonly errors: string[] = [];
  publisher: Publisher | undefined;
  /** Highest level of the source that `check` opened. */
  loudest = 0;

  async check(): Promise<void> {
    const { stream } = await openMedia("camera", {
      video: { width: 320, height: 180, framerate: 15 },
      audio: true,
    });
    const meter = new LevelMeter(stream);
    setInterval(() => {
      this.loudest = Math.max(this.loudest, meter.read());
    }, 20);
  }

  start(
    options: Omit<PublishOptions, "onState" | "source"> & { readonly source: "camera" | "canvas" },
  ): void {
    this.publisher = publish({
      ...options,
      source: options.source === "camera" ? "camera" : canvasStream(),
      onState: (state, error) => {
        this.states.push(state);
        if (error) this.errors.push(`${error.code}: ${error.message}`);
      },
    });
  }
}

/** A moving picture of 640 x 360 without sound. */
function canvasStream(): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const context = canvas.getContext("2d");
  let count = 0;
  setInterval(() => {
    if (!context) return;
    context.fillStyle = `hsl(${(count * 7) % 360} 70% 50%)`;
    context.fillRect(0, 0, 640, 360);
    context.fillStyle = "white";
    context.fillRect((count++ * 8) % 640, 100, 60, 60);
  }, 33);
  return canvas.captureStream(30);
}

declare global {
  interface Window {
    canopyPublisher: PublisherPage;
  }
}

window.canopyPublisher = new PublisherPage();
