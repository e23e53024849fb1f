import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { TranscoderWorker, TranscoderWorkerEvents } from "./transcoder-thread.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

/** Starts the thread's built module: a thread of its own cannot read the sources, as tests of the sources do. */
export function startWorker(events: TranscoderWorkerEvents): TranscoderWorker {
  const worker = new Worker(createRequire(import.meta.url).resolve("@canopy/origin/audio-worker"));
  // Broadcasts keep the process alive, not their transcoding.
  worker.unref();
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", () => resolve());
  });
  let gone = false;
  const onGone = (reason: string): void => {
    if (gone) return;
    gone = true;
    events.onExit(reason);
  };
  worker.on("message", (message: FromWorker) => {
    if (!gone) events.onMessage(message);
  });
  worker.on("error", (error) => onGone(error.message));
  worker.on("exit", (code) => onGone(`exit code ${code}`));
  return {
    post: (message, transfer) => worker.postMessage(message, [...transfer]),
    end: () => {
      gone = true;
      worker.postMessage({ kind: "end" } satisfies ToWorker);
      return exited;
    },
  };
}
