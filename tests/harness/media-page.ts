import { join } from "node:path";
import type { Page } from "playwright-core";
import { clockReaderScript } from "./browser-viewer.ts";
import type { TestChromium } from "./chromium.ts";
import { ROOT } from "./repository-root.ts";
import type { ShownClock } from "./whep-page.ts";

/** A timed message in one of the forms that hls.js hands out. */
export interface PageMessage {
  readonly form: "sei" | "id3" | "daterange";
  readonly json: string;
  /** Where it lies on the element's timeline, s; undefined for date ranges. */
  readonly seconds: number | undefined;
}

/** A message whose SEI was reached: the picture that stood on screen then. */
export interface ReachedMessage {
  readonly json: string;
  /** Number in the picture; undefined if it could not be read. */
  readonly frame: number | undefined;
}

export interface MediaPageState {
  readonly currentSeconds: number;
  readonly bufferedSeconds: number;
  /** Root mean square of what is heard now. */
  readonly loudness: number;
  readonly rate: number;
  readonly framesDropped: number;
  readonly stalls: number;
  /** hls.js' own estimates, s; 0 for FLV. */
  readonly latencySeconds: number;
  readonly targetSeconds: number;
  readonly errors: readonly string[];
}

/** Another project's player in Chromium: no code of ours between it and the edge. */
export interface MediaPage {
  readonly page: Page;
  state(): Promise<MediaPageState>;
  /** Pictures shown since the last call. */
  takeShown(): Promise<readonly ShownClock[]>;
  messages(): Promise<readonly PageMessage[]>;
  /** Messages in SEI, each with the first picture that was presented at its time or after it. */
  reached(): Promise<readonly ReachedMessage[]>;
  close(): Promise<void>;
}

export interface MediaPageOptions {
  readonly kind: "hls" | "flv";
  readonly url: string;
  /** False: hls.js plays whole segments, as a classic player does. */
  readonly lowLatency?: boolean;
  /** Whatever the page gives its workers to do is begun this much later, as on a slow device. */
  readonly workerDelayMs?: number;
}

const LIBRARIES = {
  hls: join(ROOT, "tests", "node_modules", "hls.js", "dist", "hls.js"),
  flv: join(ROOT, "tests", "node_modules", "mpegts.js", "dist", "mpegts.js"),
};

/** Plays `url` with hls.js or mpegts.js and reads the broadcaster's clock from every picture that is painted. */
export async function openMediaPage(chromium: TestChromium, options: MediaPageOptions): Promise<MediaPage> {
  const { page, context } = await chromium.openPage();
  await page.evaluate(clockReaderScript());
  await page.addScriptTag({ path: LIBRARIES[options.kind] });
  await page.evaluate(observeElement);
  await page.evaluate(delayWorkers, options.workerDelayMs ?? 0);
  await page.evaluate(options.kind === "hls" ? playHls : playFlv, {
    url: options.url,
    lowLatency: options.lowLatency ?? true,
  });
  return {
    page,
    state: () => page.evaluate(readState),
    takeShown: () => page.evaluate(() => (window as unknown as MediaWindow).media.shown.splice(0)),
    messages: () => page.evaluate(() => (window as unknown as MediaWindow).media.messages),
    reached: () => page.evaluate(() => (window as unknown as MediaWindow).media.reached),
    close: () => context.close(),
  };
}

interface MediaWindow {
  media: {
    video: HTMLVideoElement;
    analyser: AnalyserNode;
    shown: ShownClock[];
    messages: PageMessage[];
    /** In SEI, and not reached yet; the copies in the next pictures are left out. */
    ahead: { readonly json: string; readonly seconds: number }[];
    reached: ReachedMessage[];
    errors: string[];
    stalls: number;
    hls: { latency: number; targetLatency: number | null } | undefined;
  };
  readClockCode(picture: object): { unixMs: number; frame: number } | undefined;
}

/** Runs in the page: an element, its sound and its pictures. */
function observeElement(): void {
  const view = window as unknown as MediaWindow;
  const video = document.createElement("video");
  video.autoplay = true;
  video.playsInline = true;
  document.body.append(video);
  const audio = new AudioContext();
  const analyser = audio.createAnalyser();
  audio.createMediaElementSource(video).connect(analyser);
  analyser.connect(audio.destination);
  const media: MediaWindow["media"] = {
    ...{ video, analyser, shown: [], messages: [], ahead: [], reached: [], errors: [], stalls: 0 },
    hls: undefined,
  };
  view.media = media;
  video.addEventListener("waiting", () => {
    media.stalls += 1;
  });
  const canvas = new OffscreenCanvas(640, 48);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let lastFrame = -1;
  const onFrame = (_nowMs: number, { mediaTime }: VideoFrameCallbackMetadata): void => {
    video.requestVideoFrameCallback(onFrame);
    if (context === null) return;
    const { videoWidth: width, videoHeight: height } = video;
    // Only the strip on top is copied; the reader is told the height of the whole picture.
    const strip = Math.ceil(height / 8);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== strip) canvas.height = strip;
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, width, strip);
    const clock = view.readClockCode({ data, width, height, bytesPerPixel: 4 });
    const seenMs = performance.timeOrigin + performance.now();
    // A player that jumps a little has the picture presented again that is there already.
    if (clock !== undefined && clock.frame !== lastFrame) {
      lastFrame = clock.frame;
      media.shown.push({ captureMs: clock.unixMs, frame: clock.frame, seenMs });
    }
    const due = media.ahead.filter(({ seconds }) => seconds <= mediaTime + 0.001);
    if (due.length === 0) return;
    media.ahead = media.ahead.filter((message) => !due.includes(message));
    for (const { json } of due) media.reached.push({ json, frame: clock?.frame });
  };
  video.requestVideoFrameCallback(onFrame);
}

/** Runs in the page. */
function delayWorkers(delayMs: number): void {
  if (delayMs === 0) return;
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (this: Worker, ...message: unknown[]) {
    setTimeout(() => Reflect.apply(postMessage, this, message), delayMs);
  };
}

/** Runs in the page. */
function playHls(options: { readonly url: string; readonly lowLatency: boolean }): void {
  interface Sample {
    readonly pts: number;
    readonly data?: Uint8Array;
    readonly uuid?: string;
    readonly userData?: string;
  }
  interface Data {
    readonly fatal: boolean;
    readonly details: string & { dateRanges?: Record<string, { attr: Record<string, string> }> };
    readonly samples: readonly Sample[];
  }
  type Listener = (event: string, data: Data) => void;
  interface HlsPlayer {
    latency: number;
    targetLatency: number | null;
    loadSource(url: string): void;
    attachMedia(video: HTMLVideoElement): void;
    on(event: string, listener: Listener): void;
  }
  const { Hls } = window as unknown as { Hls: new (config: object) => HlsPlayer };
  const { media } = window as unknown as MediaWindow;
  // It is told to catch up: by itself it only keeps the distance that it happens to have.
  const hls = new Hls({ lowLatencyMode: options.lowLatency, maxLiveSyncPlaybackRate: 1.1 });
  media.hls = hls;
  hls.on("hlsError", (_event, data) => {
    media.errors.push(`${data.fatal ? "fatal " : ""}${data.details}`);
  });
  const inSei = new Set<string>();
  hls.on("hlsFragParsingUserdata", (_event, { samples }) => {
    for (const { pts, uuid, userData } of samples) {
      if (uuid !== "c0a09f00-5e1d-4b1a-9c3a-7a11ed5e1000" || userData === undefined) continue;
      media.messages.push({ form: "sei", json: userData, seconds: pts });
      if (inSei.has(userData)) continue;
      inSei.add(userData);
      media.ahead.push({ json: userData, seconds: pts });
    }
  });
  hls.on("hlsFragParsingMetadata", (_event, { samples }) => {
    for (const { pts, data } of samples) {
      const text = new TextDecoder().decode(data);
      const json = text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1);
      media.messages.push({ form: "id3", json, seconds: pts });
    }
  });
  const seen = new Set<string>();
  hls.on("hlsLevelUpdated", (_event, { details }) => {
    for (const [id, range] of Object.entries(details.dateRanges ?? {})) {
      if (seen.has(id)) continue;
      seen.add(id);
      const base64 = range.attr["X-CANOPY-DATA"] ?? "";
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      media.messages.push({ form: "daterange", json: new TextDecoder().decode(bytes), seconds: undefined });
    }
  });
  hls.loadSource(options.url);
  hls.attachMedia(media.video);
  void media.video.play();
}

/** Runs in the page. */
function playFlv(options: { readonly url: string }): void {
  interface FlvPlayer {
    attachMediaElement(video: HTMLVideoElement): void;
    load(): void;
    play(): Promise<void>;
    on(event: string, listener: (type: string, detail: string) => void): void;
  }
  const { mpegts } = window as unknown as {
    mpegts: { createPlayer(source: object, config: object): FlvPlayer };
  };
  const { media } = window as unknown as MediaWindow;
  const player = mpegts.createPlayer(
    { type: "flv", isLive: true, url: options.url },
    { enableStashBuffer: false, liveBufferLatencyChasing: true },
  );
  player.on("error", (type, detail) => media.errors.push(`${type} ${detail}`));
  player.attachMediaElement(media.video);
  player.load();
  void player.play();
}

/** Runs in the page. */
function readState(): MediaPageState {
  const { video, analyser, errors, stalls, hls } = (window as unknown as MediaWindow).media;
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  const { buffered, currentTime } = video;
  return {
    currentSeconds: currentTime,
    bufferedSeconds: buffered.length === 0 ? 0 : buffered.end(buffered.length - 1) - currentTime,
    loudness: Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length),
    rate: video.playbackRate,
    framesDropped: video.getVideoPlaybackQuality().droppedVideoFrames,
    stalls,
    latencySeconds: hls?.latency ?? 0,
    targetSeconds: hls?.targetLatency ?? 0,
    errors,
  };
}
