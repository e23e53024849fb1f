import { readFrameBatch, writeFrameBatch } from "./frame-batch.ts";
import type { TranscoderWorker, TranscoderWorkerEvents } from "./transcoder-thread.ts";
import type { ToWorker } from "./worker-messages.ts";

/** Starts such workers for a thread, and keeps them in the order in which they were started. */
export function recordWorkers() {
  const workers: RecordingWorker[] = [];
  const startWorker = (events: TranscoderWorkerEvents): RecordingWorker => {
    const worker = new RecordingWorker(events);
    workers.push(worker);
    return worker;
  };
  return { workers, startWorker };
}

/** The far end of a thread's messages: records what was asked of it and answers when the test says so. */
export class RecordingWorker implements TranscoderWorker {
  readonly events: TranscoderWorkerEvents;
  /** `open 1 aac`, `close 1`, `frames 1@10 1@20` */
  readonly log: string[] = [];
  ended = false;

  constructor(events: TranscoderWorkerEvents) {
    this.events = events;
  }

  post(message: ToWorker): void {
    if (message.kind === "frames") {
      const frames = [...readFrameBatch(message.batch)];
      this.log.push(["frames", ...frames.map(({ id, timestampUs }) => `${id}@${timestampUs}`)].join(" "));
    } else if (message.kind === "open") {
      this.log.push(`open ${message.id} ${message.format.from.codec} ${message.format.from.sampleRate}`);
    } else if (message.kind === "close") this.log.push(`close ${message.id}`);
  }

  async end(): Promise<void> {
    this.ended = true;
  }

  ready(): void {
    this.events.onMessage({ kind: "ready" });
  }

  /** Answers a batch with frames of this id at these times. */
  answer(id: number, ...timesUs: number[]): void {
    const frames = timesUs.map((timestampUs) => ({ id, timestampUs, payload: Uint8Array.of(1, 2, 3) }));
    this.events.onMessage({ kind: "done", batch: writeFrameBatch(frames), undecodable: 0 });
  }
}
