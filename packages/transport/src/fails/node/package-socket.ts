import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";

/** FIN and opcode 2 (RFC 6455 §5.2). */
const BINARY_MESSAGE = 0x82;
const SHORT_LENGTH = 126;
const LONG_LENGTH = 127;
const MASKED = 0x80;
const MASK_BYTES = 4;
const MAX_SHORT = 125;
const MAX_MEDIUM = 0xffff;
/** The package writes no more while this waits: a third of a second of 1.5 Mbit/s, as with QMux. */
const HIGH_WATER_BYTES = 64 * 1_024;
/** Messages that came before the package had made its session. */
const MAX_EARLY_BYTES = 64 * 1_024;

/**
 * The socket that the package sees. `ws` has done the handshake, unmasks, bounds and joins what the peer sends, and
 * answers its control frames, so the package's parser gets one whole message after another and never the part of one:
 * of parts it loses bytes, and messages without bound it would keep. What the package throws stays in here.
 */
export class PackageSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly rstCode = 0;
  /** Undefined: the handshake is the package's first word, which is not sent. */
  #isShaken = false;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #onFault: (error: unknown) => void;
  #messages: Buffer[] = [];
  #earlyBytes = 0;
  #isCorked = false;

  constructor(
    webSocket: WebSocket,
    socket: Socket,
    deps: { readonly onFault: (error: unknown) => void; readonly onMessage: () => void },
  ) {
    super();
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#onFault = deps.onFault;
    this.remoteAddress = socket.remoteAddress ?? "unknown";
    this.remotePort = socket.remotePort ?? 0;
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      deps.onMessage();
      if (isBinary) this.#push(data);
      else this.#onFault(new Error("a text message came"));
    });
    socket.on("drain", () => this.#tell("drain"));
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Bytes that the peer's side has taken. */
  get takenBytes(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  override on(event: string, listener: (...args: never[]) => void): this {
    super.on(event, listener as (...args: unknown[]) => void);
    // The package's session is there: what came before is for it.
    if (event === "readable" && this.#messages.length > 0) queueMicrotask(() => this.#tell("readable"));
    return this;
  }

  read(): Buffer | null {
    return this.#messages.shift() ?? null;
  }

  /** Returns false when the package is to wait for `drain`. */
  write(data: Uint8Array | string, done?: () => void): boolean {
    if (!this.#isShaken) {
      this.#isShaken = true;
      return true;
    }
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) {
      if (done !== undefined) queueMicrotask(done);
      return true;
    }
    const socket = this.#socket;
    if (!this.#isCorked) {
      // All that is written in one turn leaves together.
      this.#isCorked = true;
      socket.cork();
      queueMicrotask(() => {
        this.#isCorked = false;
        socket.uncork();
      });
    }
    const hasRoom = socket.write(data);
    if (done !== undefined) queueMicrotask(done);
    return hasRoom || socket.writableLength < HIGH_WATER_BYTES;
  }

  ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  /** After the package has written its close frame. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  #push(data: Buffer): void {
    if (data.length === 0) return;
    if (this.listenerCount("readable") === 0) {
      this.#earlyBytes += data.length;
      if (this.#earlyBytes > MAX_EARLY_BYTES) {
        this.#onFault(new Error("too much came before the session was open"));
        return;
      }
    }
    this.#messages.push(asFrame(data));
    this.#tell("readable");
  }

  #tell(event: "readable" | "drain"): void {
    try {
      this.emit(event);
    } catch (error) {
      this.#onFault(error);
    }
  }
}

/**
 * A message as a frame in bytes of its own, masked by zeros: of frames without a mask, which only servers send, the
 * package's parser on a server does not know the types.
 */
function asFrame(data: Buffer): Buffer {
  const { length } = data;
  const lengthBytes = length <= MAX_SHORT ? 0 : length <= MAX_MEDIUM ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + MASK_BYTES + length);
  frame[0] = BINARY_MESSAGE;
  if (lengthBytes === 0) {
    frame[1] = MASKED | length;
  } else if (lengthBytes === 2) {
    frame[1] = MASKED | SHORT_LENGTH;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = MASKED | LONG_LENGTH;
    frame.writeUInt32BE(length, 6);
  }
  data.copy(frame, frame.length - length);
  return frame;
}
