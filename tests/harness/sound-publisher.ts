import { type AudioRendition, encodeCatalog } from "@canopy/media/catalog";
import { encodeLegacyFrame } from "@canopy/media/container";
import { forwardEvents, MoqSession, ServedBroadcast, ServedTrack } from "@canopy/protocol";
import { createClock } from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import { connectQuic } from "@canopy/transport/quic";

export interface SoundFrame {
  readonly timestampUs: number;
  readonly payload: Uint8Array;
}

export interface SoundPublisherOptions {
  /** Of the origin, such as `http://127.0.0.1:4440`. */
  readonly url: string;
  readonly broadcast: string;
  readonly rendition: AudioRendition;
  /** Times are wall-clock µs; each frame is sent when its time has come. */
  readonly frames: readonly SoundFrame[];
}

const INFO = { priority: 80, ordered: false, maxLatencyMs: 30_000, timescale: 1_000_000 };
const GROUP_US = 500_000;
const PACE_MS = 10;
const SILENT = { debug: () => {}, warn: () => {} };

/** A publisher of sound alone, over MoQ on raw QUIC. */
export class SoundPublisher implements AsyncDisposable {
  readonly #session: Session;
  readonly #moq: MoqSession;
  readonly #timer: NodeJS.Timeout;

  private constructor(session: Session, options: SoundPublisherOptions) {
    const clock = createClock();
    const audio = new ServedTrack("audio", INFO, clock.nowMs());
    const catalog = new ServedTrack("catalog.json", { ...INFO, priority: 100 }, clock.nowMs());
    const broadcast = new ServedBroadcast(options.broadcast, [catalog, audio]);
    catalog.startGroup();
    catalog.write(
      Math.round(clock.nowUs()),
      encodeCatalog({ audio: { renditions: { audio: options.rendition } } }),
    );
    catalog.finishGroup();
    const moq: MoqSession = new MoqSession(
      { wire: session, role: "client", originId: 1 + Math.floor(Math.random() * 2 ** 40), path: "/" },
      broadcast.handler({ onReady: () => {}, onGoaway: () => {} }),
    );
    this.#session = session;
    this.#moq = moq;
    session.handler = forwardEvents(moq);
    let next = 0;
    let groupUs = Number.NEGATIVE_INFINITY;
    this.#timer = setInterval(() => {
      for (;;) {
        const frame = options.frames[next];
        if (frame === undefined || frame.timestampUs > clock.nowUs()) break;
        next++;
        if (frame.timestampUs - groupUs >= GROUP_US) {
          audio.startGroup();
          groupUs = frame.timestampUs;
        }
        audio.write(frame.timestampUs, encodeLegacyFrame(frame.timestampUs, frame.payload));
      }
    }, PACE_MS);
  }

  static async connect(options: SoundPublisherOptions): Promise<SoundPublisher> {
    const { hostname, port } = new URL(options.url);
    const session = await connectQuic(
      { host: hostname, port: Number(port), alpn: ["moq-lite-05"], verify: { insecure: true } },
      { logger: SILENT },
    );
    return new SoundPublisher(session, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#moq.close(0, "done");
    this.#session.close(0, "done");
  }
}
