import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { deadline } from "@canopy/runtime";
import { OriginError } from "../../origin-error.ts";
import {
  createRtmpClient,
  type RtmpClient,
  type RtmpMetadata,
  rtmpClientClass,
  shakeHands,
} from "./rtmp-client.ts";
import { parseRtmpUrl, type RtmpUrl, withoutStreamKey } from "./rtmp-url.ts";

/** RTMP message types (RTMP 1.0, 7.1.4 and 7.1.5). */
export const RTMP_AUDIO = 8;
export const RTMP_VIDEO = 9;
/** Where chunksCreate puts the message stream id: after 1 byte of basic header and 7 of the message header. */
const STREAM_ID_OFFSET = 8;

/** One RTMP connection that publishes a stream. */
export class RtmpPublisher {
  readonly #client: RtmpClient = createRtmpClient();
  readonly #onClosed: (error: OriginError | undefined) => void;
  #socket: Socket | undefined;
  #live = false;
  #closed = false;
  #error: OriginError | undefined;

  /** `onClosed` is called once, also after an opening that failed. */
  constructor(onClosed: (error: OriginError | undefined) => void) {
    this.#onClosed = onClosed;
  }

  /**
   * Connects and publishes; the URL's query goes along with the stream name.
   * @throws OriginError `bad-target`, `target-unreachable`, `target-refused`
   */
  async open(url: string, metadata: RtmpMetadata, timeoutMs: number): Promise<void> {
    const target = parseRtmpUrl(url);
    let connected = false;
    this.#client.onErrorCallback = (error) => {
      this.#error ??= new OriginError("target-unreachable", withoutStreamKey(error.message, url), {
        cause: error,
      });
      // The parser reports damaged chunks without closing the socket.
      this.#socket?.destroy();
    };
    const publish = async (): Promise<void> => {
      this.#socket = openSocket(target);
      await shakeHands(this.#client, this.#socket, target, () => this.#end());
      connected = true;
      await this.#client.sendConnect();
      await this.#client.sendCreateStream();
      await this.#client.sendPublish(target.streamName);
    };
    try {
      await deadline(publish(), timeoutMs, "publishing to the target");
    } catch (cause) {
      const message = withoutStreamKey(cause instanceof Error ? cause.message : String(cause), url);
      const code = connected ? "target-refused" : "target-unreachable";
      this.#error ??= new OriginError(code, message, { cause });
      const error = this.#error;
      this.close();
      throw error;
    }
    this.#client.sendMetaData(metadata);
    this.#live = true;
  }

  /** Bytes that the kernel has not taken yet. */
  get backlogBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  get live(): boolean {
    return this.#live && !this.#closed;
  }

  describe(metadata: RtmpMetadata): void {
    if (this.live && this.#socket?.writable === true) this.#client.sendMetaData(metadata);
  }

  /** Sends one message; `timestampMs` counts from the start of the stream and wraps at 2^32. Returns its size. */
  send(type: typeof RTMP_AUDIO | typeof RTMP_VIDEO, timestampMs: number, body: Uint8Array): number {
    if (!this.live || this.#socket?.writable !== true) return 0;
    const chunks = rtmpClientClass().createMessage({
      codec_type: type,
      dts: timestampMs >>> 0,
      size: body.byteLength,
      // The chunk writer copies with Buffer's methods.
      data: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    });
    chunks.writeUInt32LE(this.#client.streamId, STREAM_ID_OFFSET);
    this.#socket.write(chunks);
    return chunks.byteLength;
  }

  /** `reason`: why this side has had enough. Idempotent. */
  close(reason?: OriginError): void {
    if (this.#closed) return;
    this.#error ??= reason;
    this.#socket?.end();
    this.#client.disconnect();
    this.#socket?.destroy();
    this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed(this.#error);
  }
}

function openSocket({ secure, host, port }: RtmpUrl): Socket {
  const socket = secure
    ? connectTls({ host, port, ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }) })
    : connect({ host, port });
  return socket.setNoDelay(true);
}
