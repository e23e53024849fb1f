import type {
  TrackSelection,
  UpstreamDeps,
  UpstreamFactory,
  UpstreamRequest,
  UpstreamSink,
} from "../upstream/upstream.ts";
import type { SuccessionStep } from "./edge-succession.ts";
import { TransportTrial } from "./transport-trial.ts";

/** How long a session to another edge may take to bring media into an element beside that of the page. */
const TIMEOUT_MS = 8_000;

export interface ElementMoveDeps {
  readonly request: Omit<UpstreamRequest, "src">;
  readonly upstream: () => UpstreamDeps;
  /** Takes what nobody is to see or hear. */
  readonly sinkOf: (factory: UpstreamFactory) => UpstreamSink;
  readonly selection: () => TrackSelection | undefined;
  /** Leaves the session in use; the last picture stays. */
  readonly leave: () => void;
  /** Opens a session in the page's element. */
  readonly open: () => void;
}

/**
 * As `EdgeMove`, for transports that present in the page's one element: another session shows first that it can play,
 * in an element that nobody sees. Then the last picture stays for the moment that the page's element needs.
 */
export class ElementMove {
  readonly #deps: ElementMoveDeps;
  #trial: TransportTrial | undefined;

  constructor(deps: ElementMoveDeps) {
    this.#deps = deps;
  }

  /** Takes the place of one that is waiting. The result gives it up. */
  start(factory: UpstreamFactory, src: string, step: SuccessionStep): () => void {
    this.stop();
    const { request, upstream, sinkOf, selection, leave, open } = this.#deps;
    this.#trial = new TransportTrial(
      {
        factory,
        request: { ...request, src, ...mutedTwin(request) },
        needsProof: false,
        timeoutMs: TIMEOUT_MS,
        selection,
      },
      {
        upstream: upstream(),
        sink: sinkOf(factory),
        onReady: () => {
          this.stop();
          leave();
          step.onPromoted();
          open();
        },
        onFailed: () => {
          this.#trial = undefined;
          step.onFailed();
        },
      },
    );
    return () => this.stop();
  }

  /** Idempotent. */
  stop(): void {
    this.#trial?.close();
    this.#trial = undefined;
  }
}

/** An element like that of the page, for media that nobody is to see or hear. */
export function mutedTwin({
  mediaElement,
}: Pick<UpstreamRequest, "mediaElement">): Pick<UpstreamRequest, "mediaElement"> {
  const twin = mediaElement?.cloneNode(false) as HTMLVideoElement | undefined;
  if (twin !== undefined) twin.muted = true;
  return { mediaElement: twin };
}
