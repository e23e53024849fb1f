import { createPlayer, type Player, PlayerError, type PlayerOptions } from "@canopy/player";
import "@canopy/player/define";
import type { ClipFrames } from "./clip-frames.ts";
import { withOpus } from "./encode-opus.ts";
import { FakeEdge, nowUs } from "./fake-upstream.ts";
import { MoqEdge } from "./moq-edge.ts";
import { RepaintPauses } from "./repaint-pauses.ts";

/** Side of the squares in the clip's top row. */
const BIT_PIXELS = 16;
const BITS = 10;

interface FiredMessage {
  readonly id: string;
  readonly at: number;
  readonly mediaTimeUs: number;
  readonly source: string;
  /** How long the page stood still just before. */
  readonly stillUs: number;
}

export interface PresentedPicture {
  readonly timestampUs: number;
  readonly latencyUs: number;
  readonly expected: number;
  readonly painted: number;
  /** How long the page stood still since the picture before. */
  readonly stillUs: number;
}

/** What happened on the page, for the test to read. */
export interface PageLog {
  readonly presented: PresentedPicture[];
  readonly timed: FiredMessage[];
  readonly states: string[];
  readonly errors: string[];
}

/** The number that the squares on the canvas show. */
function paintedNumber(canvas: HTMLCanvasElement): number {
  const context = canvas.getContext("2d");
  if (context === null || canvas.width === 0) return -1;
  const row = context.getImageData(0, BIT_PIXELS / 2, canvas.width, 1).data;
  let number = 0;
  for (let bit = 0; bit < BITS; bit += 1) {
    const luma = row[(bit * BIT_PIXELS + BIT_PIXELS / 2) * 4 + 1] ?? 0;
    if (luma > 110) number |= 1 << bit;
  }
  return number;
}

export class PlayerPage {
  readonly log: PageLog = { presented: [], timed: [], states: [], errors: [] };
  player: Player | undefined;
  readonly #clip: ClipFrames;
  #edge: FakeEdge | undefined;
  #moq: MoqEdge | undefined;

  constructor(clip: ClipFrames) {
    this.#clip = clip;
  }

  /** Feeds the player's stages behind the network. */
  get edge(): FakeEdge {
    this.#edge ??= new FakeEdge(this.#clip);
    return this.#edge;
  }

  /** Speaks MoQ. */
  get moq(): MoqEdge {
    this.#moq ??= new MoqEdge(this.#clip);
    return this.#moq;
  }

  /** The publisher goes on with Opus instead of AAC. */
  async changeToOpus(clip: ClipFrames): Promise<void> {
    this.edge.change(await withOpus(clip));
  }

  /** The session of the player breaks. */
  dropSessions(): void {
    this.edge.dropSessions(new PlayerError("unreachable", "dropped by the test"));
  }

  nowUs(): number {
    return nowUs();
  }

  start(
    options: Partial<PlayerOptions> = {},
    way: "frames" | "frames-without-time" | "moq" | "network" = "frames",
  ): void {
    const canvas = document.createElement("canvas");
    document.body.append(canvas);
    const { log } = this;
    const pauses = new RepaintPauses(() => this.player?.state !== "idle");
    let shownMs = performance.now();
    const player = createPlayer(
      {
        src: "http://edge.test",
        broadcast: "live/test",
        canvas,
        onFramePresented: ({ timestampUs, latencyUs }) => {
          const expected = this.#edge?.numbers.get(timestampUs) ?? -1;
          const stillUs = pauses.longestUs(shownMs);
          shownMs = performance.now();
          log.presented.push({ timestampUs, latencyUs, expected, painted: paintedNumber(canvas), stillUs });
        },
        ...options,
      },
      way === "network"
        ? {}
        : {
            upstreams: [way === "moq" ? this.moq.factory : this.edge.factory],
            fetch: () =>
              Promise.resolve(
                way === "frames-without-time"
                  ? new Response(null, { status: 404 })
                  : Response.json({ unixMicros: Math.round(nowUs()) }),
              ),
          },
    );
    player.on("timed", ({ message, mediaTimeUs, source }) => {
      log.timed.push({ id: message.id, at: message.at, mediaTimeUs, source, stillUs: pauses.lateUs() });
    });
    player.on("statechange", ({ state }) => log.states.push(state));
    player.on("error", ({ error }) => log.errors.push(`${error.code}: ${error.message}`));
    this.player = player;
    player.play();
  }
}

declare global {
  interface Window {
    PlayerPage: typeof PlayerPage;
    page: PlayerPage;
  }
}
window.PlayerPage = PlayerPage;
