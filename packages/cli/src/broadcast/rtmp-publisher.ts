import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { deadline } from "@canopy/runtime";
import { BroadcastError } from "./broadcast-error.ts";

/** What we use of node-media-server's client; it has no type declarations. */
interface RtmpClient {
  readonly socket: Socket | null;
  readonly streamId: number;
  onCloseCallback: (hadError: boolean) => void;
  onErrorCallback: (error: Error) => void;
  connect(url: string): Promise<void>;
  sendConnect(): Promise<unknown>;
  sendCreateStream(): Promise<number>;
  sendPublish(streamName: string): Promise<unknown>;
  sendMetaData(metadata: Readonly<Record<string, number | string | boolean>>): void;
  write(bytes: Buffer): void;
  disconnect(): void;
}

interface RtmpMessage {
  codec_type: number;
  dts: number;
  size: number;
  data: Buffer;
}

interface RtmpModules {
  readonly client: { new (): RtmpClient; createMessage(message: RtmpMessage): Buffer };
}

/** RTMP message types (RTMP 1.0, 7.1.4 and 7.1.5). */
export const RTMP_AUDIO = 8;
export const RTMP_VIDEO = 9;
/** Where chunksCreate puts the message stream id: after 1 byte of basic header and 7 of the message header. */
const STREAM_ID_OFFSET = 8;
/** Handshake, connect, createStream and publish together; a local server needs a few milliseconds. */
const PUBLISH_DEADLINE_MS = 8_000;

let modules: RtmpModules | undefined;

function loadClient(): RtmpModules["client"] {
  modules ??= { client: createRequire(import.meta.url)("node-media-server/src/protocol/rtmp_client.js") };
  return modules.client;
}

/** One RTMP connection that publishes a stream. */
export class RtmpPublisher {
  readonly #client: RtmpClient;
  readonly #onClosed: (error: Error | undefined) => void;
  #live = false;
  #closed = false;
  #error: Error | undefined;

  constructor(onClosed: (error: Error | undefined) => void) {
    this.#onClosed = onClosed;
    this.#client = new (loadClient())();
    this.#client.onErrorCallback = (error) => {
      this.#error ??= error;
      // The parser reports damaged chunks without closing the socket.
      this.#client.socket?.destroy();
    };
    this.#client.onCloseCallback = () => this.#end();
  }

  /** Connects and publishes; `url` may carry a query, which goes along with the stream name. */
  async open(url: string, metadata: Readonly<Record<string, number | string | boolean>>): Promise<void> {
    const { tcUrl, streamName } = splitRtmpUrl(url);
    try {
      await deadline(this.#publish(tcUrl, streamName), PUBLISH_DEADLINE_MS, "RTMP publish");
    } catch (cause) {
      if (cause instanceof Error) this.#error ??= cause;
      this.close();
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new BroadcastError("target_unreachable", `RTMP publish failed: ${message}`, { cause });
    }
    this.#client.sendMetaData(metadata);
    this.#live = true;
  }

  async #publish(tcUrl: string, streamName: string): Promise<void> {
    await this.#client.connect(tcUrl);
    this.#client.socket?.setNoDelay(true);
    await this.#client.sendConnect();
    await this.#client.sendCreateStream();
    await this.#client.sendPublish(streamName);
  }

  /** Bytes that the kernel has not taken yet. */
  get backlogBytes(): number {
    return this.#client.socket?.writableLength ?? 0;
  }

  get live(): boolean {
    return this.#live && !this.#closed;
  }

  /** Sends one message; `timestampMs` counts from the start of the stream and wraps at 2^32. */
  send(type: typeof RTMP_AUDIO | typeof RTMP_VIDEO, timestampMs: number, body: Buffer): void {
    if (!this.live || !this.#client.socket?.writable) return;
    const chunks = loadClient().createMessage({
      codec_type: type,
      dts: timestampMs >>> 0,
      size: body.length,
      data: body,
    });
    chunks.writeUInt32LE(this.#client.streamId, STREAM_ID_OFFSET);
    this.#client.write(chunks);
  }

  close(): void {
    if (this.#closed) return;
    this.#client.socket?.end();
    this.#client.disconnect();
    this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed(this.#error);
  }
}

/** `rtmp://host/app/name?jwt=…` → the URL of the application, and the stream name with the query. */
export function splitRtmpUrl(url: string): { readonly tcUrl: string; readonly streamName: string } {
  const parsed = new URL(url);
  const [app, ...rest] = parsed.pathname.split("/").filter((part) => part !== "");
  if (parsed.protocol !== "rtmp:" || app === undefined || rest.length === 0) {
    throw new BroadcastError("bad_target", "an RTMP target is rtmp://host[:port]/app/stream");
  }
  return {
    tcUrl: `rtmp://${parsed.host}/${app}/${rest.join("/")}`,
    streamName: rest.join("/") + parsed.search,
  };
}
