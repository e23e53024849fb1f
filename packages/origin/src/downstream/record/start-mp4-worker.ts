import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { OriginError } from "../../origin-error.ts";

/** Makes the MP4 of a recording in a thread of its own. */
export type BuildMp4 = (folder: string, path: string, signal: AbortSignal) => Promise<void>;

/** Runs the built module: a thread of its own cannot read the sources. Rejects with what the thread threw. */
export const startMp4Worker: BuildMp4 = (folder, path, signal) =>
  new Promise((resolve, reject) => {
    const script = createRequire(import.meta.url).resolve("@canopy/origin/mp4-worker");
    // Without the process's own flags: a thread that reads built files needs none, and some name other sources.
    const worker = new Worker(script, { workerData: { folder, path }, execArgv: [] });
    const stop = (): void => {
      // It settles when the thread is gone; `exit` tells of that.
      void worker.terminate();
    };
    signal.addEventListener("abort", stop, { once: true });
    worker.once("error", reject);
    worker.once("exit", (code) => {
      signal.removeEventListener("abort", stop);
      if (code === 0) resolve();
      else reject(new OriginError("closed", "Making the MP4 was interrupted."));
    });
  });
