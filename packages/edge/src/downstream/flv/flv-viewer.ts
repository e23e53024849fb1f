import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import type { GatedSession } from "@canopy/relay/node";
import type { FlvCounters } from "./flv-counters.ts";

/** A response under way, of HTTP/1.1 (chunked) or HTTP/2. */
export type FlvResponse = ServerResponse | Http2ServerResponse;

/** A reader who takes nothing at all for this long while he is behind is not there any more. */
const STUCK_MS = 10_000;

/** One reader of HTTP-FLV: takes the stream's chunks as long as he keeps up. */
export class FlvViewer implements GatedSession {
  readonly kind = "flv";
  closed = false;
  /** Nothing was sent yet: he begins with the headers and a keyframe. */
  isNew = true;
  readonly #response: FlvResponse;
  readonly #maxBufferedBytes: number;
  readonly #counters: FlvCounters;
  readonly #onClosed: (viewer: FlvViewer) => void;
  #isSkipping = false;
  #isFinished = false;
  #waitingBytes = 0;
  #stuckSinceMs = 0;

  constructor(
    options: { readonly maxBufferedBytes: number },
    deps: {
      readonly response: FlvResponse;
      readonly counters: FlvCounters;
      readonly onClosed: (viewer: FlvViewer) => void;
    },
  ) {
    this.#maxBufferedBytes = options.maxBufferedBytes;
    this.#response = deps.response;
    this.#counters = deps.counters;
    this.#onClosed = deps.onClosed;
    deps.response.once("close", () => this.#end());
  }

  /** Bytes that the network has not taken yet. */
  get bufferedBytes(): number {
    const response = this.#response;
    return "stream" in response ? (response.stream?.writableLength ?? 0) : response.writableLength;
  }

  /** Headers and the newest group, whatever they take: the chunks are everybody's. */
  begin(chunks: readonly Uint8Array[]): void {
    if (this.#isFinished) return;
    this.isNew = false;
    for (const chunk of chunks) this.#write(chunk);
  }

  /** `isJoint`: one can go on here after something was left out. */
  send(chunk: Uint8Array, isJoint: boolean): void {
    // A publisher may come back while the end of a response is still on its way.
    if (this.closed || this.#isFinished) return;
    const isBehind = this.bufferedBytes > this.#maxBufferedBytes;
    if (this.#isSkipping) {
      if (!isJoint) return;
      if (isBehind) {
        this.#counters.groupsDropped += 1;
        return;
      }
      this.#isSkipping = false;
    } else if (isBehind) {
      this.#isSkipping = true;
      this.#counters.skips += 1;
      this.#counters.groupsDropped += 1;
      return;
    }
    this.#write(chunk);
  }

  /** Called once a second. */
  tick(nowMs: number): void {
    if (this.closed) return;
    const { bufferedBytes } = this;
    const isBehind = this.#isSkipping || this.#isFinished;
    const isStuck = isBehind && bufferedBytes > 0 && bufferedBytes >= this.#waitingBytes;
    this.#waitingBytes = bufferedBytes;
    if (!isStuck) this.#stuckSinceMs = nowMs;
    else if (nowMs - this.#stuckSinceMs > STUCK_MS) {
      this.#counters.closedSlow += 1;
      this.close();
    }
  }

  /** The stream is over: what is on the way is still delivered. */
  finish(): void {
    if (this.closed || this.#isFinished) return;
    this.#isFinished = true;
    this.#response.end();
  }

  close(): void {
    if (this.closed) return;
    this.#end();
    // Whoever does not read would hold the connection open for ever.
    if ("stream" in this.#response) this.#response.stream?.destroy();
    else this.#response.destroy();
  }

  #write(chunk: Uint8Array): void {
    this.#counters.sentBytes += chunk.byteLength;
    // The two kinds of response differ in the type of their callbacks only.
    (this.#response as ServerResponse).write(chunk);
  }

  #end(): void {
    if (this.closed) return;
    this.closed = true;
    this.#onClosed(this);
  }
}
