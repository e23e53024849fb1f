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
 * Reads timed messages out of encoded frames in a worker. A frame that came before the transform is attached passes it
 * by silently, and one that waits for a worker that never starts is lost: `ready` settles when either is excluded.
 */
export class SeiReader {
  readonly ready: Promise<void>;
  #worker: Worker | undefined;
  #isActive = false;

  constructor(receivers: readonly RTCRtpReceiver[], deps: SeiReaderDeps) {
    this.ready = this.#start(receivers, deps);
  }

  /** Frames are read. Otherwise messages come by the data channel alone. */
  get isActive(): boolean {
    return this.#isActive;
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #start(receivers: readonly RTCRtpReceiver[], { onMessages }: SeiReaderDeps): Promise<void> {
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
      for (const receiver of receivers) attach(worker, receiver);
      this.#isActive = true;
    } catch {
      // Not allowed here: the data channel brings the same messages.
      this.close();
      for (const receiver of receivers) passUntouched(receiver);
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

function attach(worker: Worker, receiver: LegacyReceiver): void {
  if (hasScriptTransform()) {
    if (receiver.track.kind === "video") receiver.transform = new RTCRtpScriptTransform(worker, {});
    return;
  }
  if (receiver.track.kind !== "video") {
    passUntouched(receiver);
    return;
  }
  const streams = receiver.createEncodedStreams?.();
  if (streams === undefined) return;
  const { readable, writable } = streams;
  worker.postMessage({ readable, writable }, [readable, writable]);
}

/** With `encodedInsertableStreams` nothing flows by itself. */
function passUntouched(receiver: LegacyReceiver): void {
  if (hasScriptTransform()) return;
  const streams = receiver.createEncodedStreams?.();
  // It ends with the peer connection.
  void streams?.readable.pipeTo(streams.writable).catch(() => {});
}
