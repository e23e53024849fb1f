import MoqWatch from "@moq/watch/element";
import { type ClockReading, readClockCode } from "../../../packages/cli/src/broadcast/clock-code.ts";

/** What a page with @moq/watch has seen and heard so far. */
export interface WatchReport {
  readonly version: string | undefined;
  readonly status: string;
  /** Clocks read off the canvas, oldest first, each frame once. */
  readonly clocks: readonly (ClockReading & { readonly seenMs: number })[];
  readonly decodedFrames: number;
  readonly audioBytes: number;
  /** Loudest moment of the decoded sound, as root mean square of the samples; full scale is 1. */
  readonly loudness: number;
  readonly audioCodec: string | undefined;
  readonly videoCodec: string | undefined;
}

/** Runs in the page: an unmodified <moq-watch> and a reader of what it paints and plays. */
class WatchPage {
  readonly #element = new MoqWatch();
  readonly #canvas = document.createElement("canvas");
  readonly #clocks: (ClockReading & { seenMs: number })[] = [];
  #loudness = 0;

  start(url: string, name: string): void {
    const element = this.#element;
    element.append(this.#canvas);
    element.connection.websocket = { enabled: window.WebTransport === undefined };
    element.setAttribute("url", url);
    element.setAttribute("name", name);
    document.body.append(element);
    this.#lookAtCanvas();
    element.audio.out.root.subscribe((root) => this.#listen(root));
    this.#listen(element.audio.out.root.peek());
  }

  report(): WatchReport {
    const { connection, broadcast, video, audio } = this.#element;
    const catalog = broadcast.out.catalog.peek();
    return {
      version: connection.established.peek()?.version,
      status: broadcast.out.status.peek(),
      clocks: this.#clocks,
      decodedFrames: video.out.stats.peek()?.frameCount ?? 0,
      audioBytes: audio.out.stats.peek()?.bytesReceived ?? 0,
      loudness: this.#loudness,
      audioCodec: Object.values(catalog?.audio?.renditions ?? {})[0]?.codec,
      videoCodec: Object.values(catalog?.video?.renditions ?? {})[0]?.codec,
    };
  }

  #lookAtCanvas(): void {
    const clock = this.#readClock();
    if (clock !== undefined && clock.frame !== this.#clocks.at(-1)?.frame)
      this.#clocks.push({ ...clock, seenMs: performance.timeOrigin + performance.now() });
    requestAnimationFrame(() => this.#lookAtCanvas());
  }

  #readClock(): ClockReading | undefined {
    const { width, height } = this.#canvas;
    if (width < 64) return undefined;
    const strip = new OffscreenCanvas(width, Math.ceil(height / 8));
    const context = strip.getContext("2d", { willReadFrequently: true });
    if (context === null) return undefined;
    context.drawImage(this.#canvas, 0, 0);
    const { data } = context.getImageData(0, 0, strip.width, strip.height);
    return readClockCode({ data, width, height, bytesPerPixel: 4 });
  }

  #listen(root: AudioNode | undefined): void {
    if (root === undefined) return;
    const analyser = root.context.createAnalyser();
    root.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      this.#loudness = Math.max(this.#loudness, Math.sqrt(power));
    }, 100);
  }
}

declare global {
  interface Window {
    watchPage: WatchPage;
    agreedProtocols: readonly string[];
  }
}

window.watchPage = new WatchPage();
