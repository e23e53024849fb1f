import { readTimedMessages, type TimedMessage } from "@canopy/media/timed";
import { SEI_WORKER_SOURCE } from "./sei-worker-source.ts";

/** The worker starts in milliseconds, later on a busy machine, or is not allowed to (content security policy). */
const START_TIMEOUT_MS = 3_000;

/** Chromium's form of before RTCRtpScriptTransform; not in TypeScript's DOM library. */
interface EncodedStreams {
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}

type WorkerWord = { readonly rtp: number; readonly head: Uint8Array } | { readonly awaits: number };

type LegacyReceiver = RTCRtpReceiver & { createEncodedStreams?: () => EncodedStreams };

function hasScriptTransform(): boolean {
  return typeof RTCRtpScriptTransform === "function";
}

function hasEncodedStreams(): boolean {
  return typeof RTCRtpReceiver === "function" && "createEncodedStreams" in RTCRtpReceiver.prototype;
}

/** Reads timed messages out of the encoded frames of any number of receivers, in one worker. */
export class SeiReader {
  /** Messages of the frame with this RTP timestamp; comes before the frame is decoded. */
  onMessages: (rtp: number, messages: readonly TimedMessage[]) => void = () => {};
  /** A keyframe waits until the picture with this RTP timestamp is decoded, and `release` says so. */
  onAwaited: (rtp: number) => void = () => {};
  /**
   * Whether the worker runs; never rejects. Frames of receivers that are attached before wait for it, so that a session
   * is set up meanwhile; if it never starts they are lost, and another session without the reader has to follow.
   */
  readonly started: Promise<boolean>;
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.started = new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), START_TIMEOUT_MS);
      const settle = (isUp: boolean): void => {
        clearTimeout(timer);
        resolve(isUp);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        settle(false);
      };
      // Its first word is that it runs.
      worker.onmessage = () => {
        this.#listen();
        settle(true);
      };
    });
  }

  #listen(): void {
    this.#worker.onmessage = ({ data }: MessageEvent<WorkerWord>) => {
      if ("awaits" in data) {
        this.onAwaited(data.awaits);
        return;
      }
      const found = readTimedMessages(data.head);
      if (found.length === 0) return;
      this.onMessages(
        data.rtp,
        found.map(({ message }) => message),
      );
    };
  }

  /** Undefined where encoded frames cannot be read; messages then come by the data channel alone. */
  static start(): SeiReader | undefined {
    if (!hasScriptTransform() && !hasEncodedStreams()) return undefined;
    const url = URL.createObjectURL(new Blob([SEI_WORKER_SOURCE], { type: "text/javascript" }));
    try {
      const reader = new SeiReader(new Worker(url, { name: "canopy-sei" }));
      void reader.started.then(() => URL.revokeObjectURL(url));
      return reader;
    } catch {
      URL.revokeObjectURL(url);
      return undefined;
    }
  }

  /** What a peer connection must be made with so that its frames can be read. */
  get configuration(): RTCConfiguration {
    return (hasScriptTransform() ? {} : { encodedInsertableStreams: true }) as RTCConfiguration;
  }

  /**
   * Reads what comes through a receiver. To be called in the task in which the receiver was made: after it, Chromium
   * lets frames go past every transform for good.
   */
  attach(receiver: LegacyReceiver): void {
    if (hasScriptTransform()) {
      if (receiver.track.kind === "video") receiver.transform = new RTCRtpScriptTransform(this.#worker, {});
      return;
    }
    const streams = receiver.createEncodedStreams?.();
    if (streams === undefined) return;
    const { readable, writable } = streams;
    if (receiver.track.kind === "video") {
      this.#worker.postMessage({ readable, writable }, [readable, writable]);
    } else {
      // With `encodedInsertableStreams` sound does not flow by itself. It ends with the peer connection.
      void readable.pipeTo(writable).catch(() => {});
    }
  }

  /** Whether keyframes wait for the pictures in front of them; somebody has to say when these are there. */
  set isGated(isGated: boolean) {
    this.#worker.postMessage({ isGated });
  }

  /** The keyframe that waited for the picture with this RTP timestamp may be decoded. */
  release(rtp: number): void {
    this.#worker.postMessage({ release: rtp });
  }

  close(): void {
    this.#worker.terminate();
  }
}
