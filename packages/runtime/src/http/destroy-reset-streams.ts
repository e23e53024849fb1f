import type { EventEmitter } from "node:events";
import type { ServerHttp2Stream } from "node:http2";

/** A stream holds what waits in it (a segment, a reader's backlog) for at most this long after its reset. */
const SWEEP_MS = 1_000;

/**
 * Destroys streams of HTTP/2 that their clients have reset. Node.js does it by itself unless the code is NO_ERROR
 * (RFC 9113 section 7), which its own clients send when they close a stream: then it waits for writes to be taken that
 * nobody takes any more. `close` would never come, and the bytes would stay until the connection ends. Returns what
 * ends the watch.
 */
export function destroyResetStreams(server: EventEmitter): () => void {
  const streams = new Set<ServerHttp2Stream>();
  const onStream = (stream: ServerHttp2Stream): void => {
    streams.add(stream);
    stream.once("close", () => streams.delete(stream));
  };
  // No event tells of the reset of a stream whose response is complete already.
  const timer = setInterval(() => {
    for (const stream of streams) if (stream.closed) stream.destroy();
  }, SWEEP_MS);
  timer.unref();
  server.on("stream", onStream);
  return () => {
    clearInterval(timer);
    server.off("stream", onStream);
  };
}
