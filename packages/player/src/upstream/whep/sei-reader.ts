import { readTimedMessages, type TimedMessage } from "@canopy/media/timed";
import { SEI_WORKER_SOURCE } from "./sei-worker-source.ts";

/** The worker starts in milliseconds, or is not allowed to (content security policy). */
const START_TIMEOUT_MS = 1_000;

/** Chromium's form of before RTCRtpScriptTransform; not in TypeScript's DOM library. */
interface EncodedStreams {
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}

type LegacyReceiver = RTCRtpReceiver & { createEncodedStreams?: () => EncodedStreams };

function hasScriptTransform(): boolean {
  return typeof RTCRtpScriptTransform === "function";
}

function hasEncodedStreams(): boolean {
  return typeof RTCRtpReceiver === "function" && "createEncodedStreams" in RTCRtpReceiver.prototype;
}

/** What a peer connection must be made with so that its encoded frames can be read. */
export function seiReaderConfiguration(): RTCConfiguration {
  const needsFlag = !hasScriptTransform() && hasEncodedStreams();
  return (needsFlag ? { encodedInsertableStreams: true } : {}) as RTCConfiguration;
}

export interface SeiReaderDeps {
  readonly onMessages: (rtp: number, messages: readonly TimedMessage[]) => void;
}

/**
 * Reads timed messages out of encoded frames in a worker. One that waits for a worker that never starts would be lost:
 * `ready` settles when the worker runs, or cannot.
 */
export class SeiReader {
  readonly ready: Promise<void>;
  #worker: Worker | undefined;
  #isRunning = false;

  constructor(deps: SeiReaderDeps) {
    this.ready = this.#start(deps);
  }

  /**
   * Reads what comes through a receiver from now on: to be called in the event `track`. Earlier, Chromium connects the
   * transform to a receiver that the answer then replaces; later, frames have passed it by. Without a worker messages
   * come by the data channel alone.
   */
  attach(receiver: RTCRtpReceiver): void {
    if (this.#worker === undefined || !this.#isRunning || receiver.track.kind !== "video") {
      passUntouched(receiver);
    } else if (hasScriptTransform()) receiver.transform = new RTCRtpScriptTransform(this.#worker, {});
    else {
      const streams = encodedStreams(receiver);
      if (streams === undefined) return;
      const { readable, writable } = streams;
      this.#worker.postMessage({ readable, writable }, [readable, writable]);
    }
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #start({ onMessages }: SeiReaderDeps): Promise<void> {
    if (!hasScriptTransform() && !hasEncodedStreams()) return;
    const url = URL.createObjectURL(new Blob([SEI_WORKER_SOURCE], { type: "text/javascript" }));
    try {
      const worker = new Worker(url, { name: "canopy-sei" });
      this.#worker = worker;
      await started(worker);
      if (this.#worker !== worker) return;
      worker.onmessage = ({ data }: MessageEvent<{ rtp: number; head: Uint8Array }>) => {
        const found = readTimedMessages(data.head);
        if (found.length > 0) {
          onMessages(
            data.rtp,
            found.map(({ message }) => message),
          );
        }
      };
      this.#isRunning = true;
    } catch {
      // Not allowed here: the data channel brings the same messages.
      this.close();
    } finally {
      URL.revokeObjectURL(url);
    }
  }
}

function started(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the worker does not start")), START_TIMEOUT_MS);
    worker.onmessage = () => {
      clearTimeout(timer);
      resolve();
    };
    worker.onerror = (event) => {
      clearTimeout(timer);
      event.preventDefault();
      reject(new Error("the worker is not allowed"));
    };
  });
}

/** With `encodedInsertableStreams` nothing flows by itself. */
function passUntouched(receiver: RTCRtpReceiver): void {
  const streams = encodedStreams(receiver);
  // It ends with the peer connection.
  void streams?.readable.pipeTo(streams.writable).catch(() => {});
}

function encodedStreams(receiver: LegacyReceiver): EncodedStreams | undefined {
  return hasScriptTransform() ? undefined : receiver.createEncodedStreams?.();
}
