import { createPlayer, defaultUpstreams, type Player, type PlayerOptions } from "@canopy/player";
import "@canopy/player/define";
import { RepaintPauses } from "../player/repaint-pauses.ts";
import { PageEdge } from "./page-edge.ts";

/** Side of the squares in the clip's top row. */
const BIT_PIXELS = 16;
const BITS = 10;

interface FiredMessage {
  readonly id: string;
  readonly at: number;
  readonly mediaTimeUs: number;
  readonly source: string;
  readonly number: number;
  /** How long the page stood still just before. */
  readonly stillUs: number;
}

interface WhepPageLog {
  readonly presented: { timestampUs: number; latencyUs: number; number: number }[];
  readonly timed: FiredMessage[];
  readonly states: string[];
  readonly transports: (string | undefined)[];
  readonly errors: string[];
  /** Repaints without a picture after the first one. */
  blanks: number;
  /** Where the picture was at each repaint: runs of one surface count once. */
  readonly surfaces: string[];
}

const scratch = new OffscreenCanvas(BIT_PIXELS * BITS, 1);

/** The number that the squares of the picture on screen show. */
function shownNumber(shown: HTMLVideoElement | HTMLCanvasElement): number {
  const context = scratch.getContext("2d", { willReadFrequently: true });
  const width = shown instanceof HTMLVideoElement ? shown.videoWidth : shown.width;
  if (context === null || width === 0) return -1;
  context.drawImage(shown, 0, BIT_PIXELS / 2, BIT_PIXELS * BITS, 1, 0, 0, BIT_PIXELS * BITS, 1);
  const row = context.getImageData(0, 0, BIT_PIXELS * BITS, 1).data;
  let number = 0;
  for (let bit = 0; bit < BITS; bit += 1) {
    if ((row[(bit * BIT_PIXELS + BIT_PIXELS / 2) * 4 + 1] ?? 0) > 110) number |= 1 << bit;
  }
  return number;
}

/** One player that presents in a video element of the page. */
class WhepPage {
  readonly log: WhepPageLog = {
    presented: [],
    timed: [],
    states: [],
    transports: [],
    errors: [],
    blanks: 0,
    surfaces: [],
  };
  readonly edge = new PageEdge();
  readonly video = document.createElement("video");
  readonly canvas = document.createElement("canvas");
  player: Player | undefined;
  readonly #pauses = new RepaintPauses(() => true);
  #analyser: AnalyserNode | undefined;

  /** `whepAt`: WHEP requests go there instead; "page": to the edge inside of this page. */
  start(options: Pick<PlayerOptions, "src"> & Partial<PlayerOptions> & { readonly whepAt?: string }): void {
    document.body.append(this.video, this.canvas);
    this.#watchSurface();
    const { whepAt } = options;
    const { log, video } = this;
    const player = createPlayer(
      {
        broadcast: "live/test",
        transports: "whep",
        muted: true,
        canvas: this.canvas,
        mediaElement: video,
        onFramePresented: ({ timestampUs, latencyUs }) => {
          log.presented.push({ timestampUs, latencyUs, number: shownNumber(this.#surface) });
        },
        ...options,
      },
      {
        upstreams: defaultUpstreams,
        fetch: (input, init) => {
          const url = new URL(String(input));
          if (whepAt === "page") return this.edge.fetch(url, init);
          const isWhep = whepAt !== undefined && url.pathname.startsWith("/whep/");
          return fetch(isWhep ? new URL(url.pathname, whepAt) : url, init);
        },
      },
    );
    player.on("timed", ({ message, mediaTimeUs, source }) => {
      log.timed.push({
        id: message.id,
        at: message.at,
        mediaTimeUs,
        source,
        stillUs: this.#pauses.lateUs(),
        number: shownNumber(this.#surface),
      });
    });
    player.on("statechange", ({ state }) => log.states.push(state));
    player.on("transportchange", ({ transport }) => log.transports.push(transport));
    player.on("error", ({ error }) => log.errors.push(`${error.code}: ${error.message}`));
    this.player = player;
    player.play();
  }

  get #surface(): HTMLVideoElement | HTMLCanvasElement {
    return this.player?.isInElement === true ? this.video : this.canvas;
  }

  #watchSurface(): void {
    const context = new OffscreenCanvas(8, 8).getContext("2d", { willReadFrequently: true });
    let hasShown = false;
    const look = (): void => {
      requestAnimationFrame(look);
      const { player, video, canvas } = this;
      if (context === null || player === undefined) return;
      const surface = this.#surface;
      context.clearRect(0, 0, 8, 8);
      const width = player.isInElement ? video.videoWidth : canvas.width;
      if (width > 0) context.drawImage(surface, 0, 0, 8, 8);
      const isShown = context
        .getImageData(0, 0, 8, 8)
        .data.some((value, index) => index % 4 < 3 && value > 60);
      hasShown ||= isShown;
      if (!hasShown) return;
      if (!isShown) this.log.blanks += 1;
      const name = player.isInElement ? "video" : "canvas";
      if (this.log.surfaces.at(-1) !== name) this.log.surfaces.push(name);
    };
    requestAnimationFrame(look);
  }

  /** Loudest sample of what the element's stream brings now. */
  loudest(): number {
    const { srcObject } = this.video;
    if (!(srcObject instanceof MediaStream) || srcObject.getAudioTracks().length === 0) return 0;
    if (this.#analyser === undefined) {
      const context = new AudioContext();
      this.#analyser = new AnalyserNode(context, { fftSize: 2048 });
      context.createMediaStreamSource(srcObject).connect(this.#analyser);
      void context.resume();
    }
    const samples = new Float32Array(2048);
    this.#analyser.getFloatTimeDomainData(samples);
    return samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
  }
}

declare global {
  interface Window {
    whep: WhepPage;
  }
}
window.whep = new WhepPage();
