/** The thread that transcodes: loads FFmpeg, then answers batch by batch. Its own loop may wait, nobody else's does. */
import { parentPort } from "node:worker_threads";
import { AudioTranscoder } from "./audio-transcoder.ts";
import { type BridgeFrame, readFrameBatch, writeFrameBatch } from "./frame-batch.ts";
import { type Ffmpeg, loadFfmpeg } from "./load-ffmpeg.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

const transcoders = new Map<number, AudioTranscoder>();
let output: BridgeFrame[] = [];

function send(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function close(id: number): void {
  transcoders.get(id)?.close();
  transcoders.delete(id);
}

/** Whatever is wrong with one publisher's stream must not end the sound of the others. */
function fail(id: number, error: unknown): void {
  close(id);
  send({ kind: "failed", id, reason: error instanceof Error ? error.message : String(error) });
}

function open(message: ToWorker & { readonly kind: "open" }, ffmpeg: Ffmpeg): void {
  const { id, format } = message;
  try {
    const emit = (timestampUs: number, payload: Uint8Array): void => {
      output.push({ id, timestampUs, payload });
    };
    transcoders.set(id, new AudioTranscoder(format, ffmpeg, emit));
  } catch (error) {
    fail(id, error);
  }
}

function transcode(input: ArrayBuffer): void {
  let undecodable = 0;
  for (const { id, timestampUs, payload } of readFrameBatch(input)) {
    const transcoder = transcoders.get(id);
    // Closed while its frames were on their way.
    if (transcoder === undefined) continue;
    try {
      transcoder.push(timestampUs, payload);
      undecodable += transcoder.undecodable;
      transcoder.undecodable = 0;
    } catch (error) {
      fail(id, error);
    }
  }
  const batch = writeFrameBatch(output);
  output = [];
  send({ kind: "done", batch, undecodable }, [batch]);
}

function serve(ffmpeg: Ffmpeg): void {
  parentPort?.on("message", (message: ToWorker) => {
    switch (message.kind) {
      case "open":
        open(message, ffmpeg);
        break;
      case "close":
        close(message.id);
        break;
      case "frames":
        transcode(message.batch);
        break;
      case "end":
        for (const id of [...transcoders.keys()]) close(id);
        // Nothing else keeps the thread alive.
        parentPort?.close();
        break;
    }
  });
  send({ kind: "ready" });
}

loadFfmpeg().then(serve, (cause: unknown) => {
  send({ kind: "unavailable", reason: cause instanceof Error ? cause.message : String(cause) });
});
