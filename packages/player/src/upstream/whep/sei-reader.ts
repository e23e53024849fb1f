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

/** Reads timed messages out of the encoded frames of any number of receivers, in one worker. */
export class SeiReader {
  /** Messages of the frame with this RTP timestamp; comes before the frame is decoded. */
  onMessages: (rtp: number, messages: readonly TimedMessage[]) => void = () => {};
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<{ rtp: number; head: Uint8Array }>) => {
      const found = readTimedMessages(data.head);
      if (found.length === 0) return;
      this.onMessages(
        data.rtp,
        found.map(({ message }) => message),
      );
    };
  }

  /**
   * Undefined where encoded frames cannot be read, or no worker may run; messages then come by the data channel alone.
   * It runs before anything is attached to it: frames that wait for a worker that never starts are lost.
   */
  static async start(): Promise<SeiReader | undefined> {
    if (!hasScriptTransform() && !hasEncodedStreams()) return undefined;
    const url = URL.createObjectURL(new Blob([SEI_WORKER_SOURCE], { type: "text/javascript" }));
    let worker: Worker | undefined;
    try {
      worker = new Worker(url, { name: "canopy-sei" });
      await started(worker);
      return new SeiReader(worker);
    } catch {
      worker?.terminate();
      return undefined;
    } finally {
      URL.revokeObjectURL(url);
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

  close(): void {
    this.#worker.terminate();
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
