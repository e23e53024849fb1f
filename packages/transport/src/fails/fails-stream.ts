import { NO_BYTES, SendingStream, type SendOwner } from "../sending-stream.ts";
import type { BidiStream, ReceiveStreamHandler } from "../session.ts";
import type {
  PackageStream,
  ReadPiece,
  SessionState,
  StreamEvents,
  StreamSignal,
} from "./package-session.ts";

/** What a stream needs from its session. */
export interface FailsOwner extends SendOwner, SessionState {
  queueSend(stream: FailsStream): void;
  queueNotice(stream: FailsStream): void;
  /** As `queueSend`, but never within the caller's call. */
  queuePump(stream: FailsStream): void;
  /** The stream's receiver wants what is there. */
  queueRead(stream: FailsStream): void;
  streamEnded(stream: FailsStream): void;
  addReceived(bytes: number): void;
  addSent(bytes: number): void;
  /** The stream's user threw: what called us must not see it, for it may be native code. */
  handlerFailed(error: unknown): void;
}

const NONE = -1;
/** What is delivered at once; shared, as it is delivered before the next piece is read. */
const READ_BYTES = 64 * 1_024;
const scratch = new Uint8Array(READ_BYTES);

/**
 * A stream of the package, without its Web streams: chunks wait here and are handed over one at a time, so that what
 * waits can be given up, and the package's own queue, which it does not give up, stays empty.
 */
export class FailsStream extends SendingStream<FailsOwner> implements BidiStream, StreamEvents {
  readonly isIncoming: boolean;
  /** In the session's list of streams to read from; owned by the session. */
  reading = false;
  #native: PackageStream | undefined;
  /** Of the chunk that the package has; `NONE`: none. */
  #handedOver = NONE;
  #isFinSent = false;
  #resetCode = NONE;
  #stopCode = NONE;
  #receiver: ReceiveStreamHandler | undefined;
  #paused = false;
  #discarding = false;
  #peerReset = NONE;
  /** What came while nobody read: over HTTP/3 a stopped reader is still given what had arrived, up to one window. */
  #kept: Uint8Array[] = [];
  #isFinKept = false;

  constructor(
    options: {
      readonly id: number;
      readonly sends: boolean;
      readonly receives: boolean;
      readonly priority: number;
      readonly isIncoming: boolean;
    },
    owner: FailsOwner,
  ) {
    super(options, owner);
    this.isIncoming = options.isIncoming;
  }

  get native(): PackageStream | undefined {
    return this.#native;
  }

  get receiver(): ReceiveStreamHandler | undefined {
    return this.#receiver;
  }

  set receiver(receiver: ReceiveStreamHandler | undefined) {
    this.#receiver = receiver;
    if (receiver !== undefined) this.owner.queueRead(this);
  }

  /** The package has opened it, or the peer has. */
  attach(native: PackageStream): void {
    this.#native = native;
    native.jsobj = this;
    if (this.receiveOpen) {
      keepEndWithData(native);
      // Over HTTP/3 a stream reads by itself until it is told not to.
      if (this.#receiver === undefined || this.#paused) native.stopReading();
      else this.owner.queueRead(this);
    }
    native.sendInitialParameters?.();
    this.onPriority(this.priority);
    if (this.#stopCode !== NONE) native.stopSending(this.#stopCode);
    if (this.#discarding) native.startReading();
    if (this.#resetCode !== NONE) native.resetStream(this.#resetCode);
    else this.pump();
  }

  /** Hands the next chunk over unless the package still has one. */
  pump(): void {
    const native = this.#native;
    if (native === undefined || !this.sendOpen || this.#handedOver !== NONE) return;
    if (this.head < this.chunks.length) {
      const chunk = this.chunks[this.head] ?? NO_BYTES;
      this.#handedOver = chunk.length;
      native.writeChunk(chunk);
    } else if (this.finishing && !this.#isFinSent) {
      this.#isFinSent = true;
      this.#handedOver = 0;
      native.streamFinal();
    }
  }

  reset(code: number): void {
    if (!this.sendOpen || this.owner.closed) return;
    this.#resetHere(code);
    this.endSending();
  }

  stop(code: number): void {
    if (!this.receiveOpen || this.#discarding || this.owner.closed) return;
    this.#discarding = true;
    this.#stopCode = code;
    this.#receiver = undefined;
    this.#kept = [];
    if (this.#isFinKept) this.endReceiving();
    if (this.#native === undefined) return;
    this.#native.stopSending(code);
    // What still comes counts against the session's window: it is read and thrown away.
    this.#native.startReading();
  }

  pause(): void {
    this.#paused = true;
    if (this.receiveOpen) this.#native?.stopReading();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.owner.queueRead(this);
  }

  /** Called by the session, not from inside a call of the stream's user. */
  read(): void {
    if (!this.receiveOpen || this.#receiver === undefined || this.#paused) return;
    if (this.#peerReset !== NONE) {
      this.#tellReset();
      return;
    }
    this.#deliverKept();
    if (this.receiveOpen && !this.#paused) this.#native?.startReading();
  }

  // ------------------------------------------------------------ from the package

  get parentobj(): SessionState {
    return this.owner;
  }

  getReadBuffer(): { readonly buffer: Uint8Array; readBytes: number; fin: boolean } {
    return { buffer: scratch, readBytes: 0, fin: false };
  }

  commitReadBuffer({ buffer, readBytes = 0, fin }: ReadPiece): { readonly stopReading?: boolean } {
    if (this.owner.closed || !this.receiveOpen) return {};
    this.owner.addReceived(readBytes);
    const bytes = buffer === undefined ? NO_BYTES : buffer.subarray(0, readBytes);
    if (this.#discarding) {
      if (fin) this.endReceiving();
    } else if (this.#receiver === undefined || this.#paused) {
      if (readBytes > 0) this.#kept.push(bytes.slice());
      this.#isFinKept ||= fin;
    } else {
      this.#deliver(bytes, fin);
    }
    return { stopReading: this.#paused && !this.#discarding };
  }

  onStreamRecvSignal({ nettask, code = 0 }: StreamSignal): void {
    if (this.owner.closed) return;
    if (nettask === "stopSending") {
      if (!this.sendOpen) return;
      // HTTP/3's engine answers by itself, and says the same of a stream that it is about to destroy.
      if (!isOverHttp3(this.#native)) this.#resetHere(code);
      this.onStopped(code);
      return;
    }
    // After the end it is HTTP/3's word for a stream that is destroyed.
    if (!this.receiveOpen || this.#isFinKept) return;
    // What was kept is given up, as a reset stream's rest is on every transport.
    dropUnread(this.#native);
    this.#kept = [];
    this.#peerReset = code;
    if (this.#discarding) this.endReceiving();
    else if (this.#receiver !== undefined && !this.#paused) this.#tellReset();
  }

  onStreamWrite({ success }: { readonly success: boolean }): void {
    if (this.#handedOver === NONE || !this.sendOpen) return;
    if (!success) {
      // The stream is being destroyed: it takes nothing more.
      this.#handedOver = NONE;
      this.endSending();
      return;
    }
    const bytes = this.#handedOver;
    this.#handedOver = NONE;
    if (this.#isFinSent) {
      this.#native?.closeOutgoing?.();
      this.endSending();
      return;
    }
    this.dropHead();
    if (this.head === this.chunks.length) this.clearTaken();
    this.owner.addSent(bytes);
    this.onTaken(bytes);
    // HTTP/3's engine has this chunk at the head of its queue until we return, and would write it again.
    if (isOverHttp3(this.#native)) this.owner.queuePump(this);
    else this.pump();
  }

  /** Over HTTP/3 this alone tells that the end was written; over WebSocket it comes after `onStreamWrite`. */
  onStreamNetworkFinish({ nettask }: { readonly nettask: string }): void {
    if (nettask !== "streamFinal" || !this.#isFinSent || !this.sendOpen) return;
    this.#handedOver = NONE;
    this.endSending();
  }

  protected override onPriority(priority: number): void {
    if (this.sendOpen) this.#native?.updateSendOrderAndGroup({ sendOrder: priority, sendGroupId: 0n });
  }

  #resetHere(code: number): void {
    this.#resetCode = code;
    const native = this.#native;
    if (native === undefined) return;
    // The package would go on sending it.
    if (native.outgochunks !== undefined) native.outgochunks.length = 0;
    native.resetStream(code);
  }

  #tellReset(): void {
    const receiver = this.#receiver;
    this.endReceiving();
    try {
      receiver?.onReset(this.#peerReset);
    } catch (error) {
      this.owner.handlerFailed(error);
    }
  }

  #deliver(bytes: Uint8Array, fin: boolean): void {
    const receiver = this.#receiver;
    if (fin) this.endReceiving();
    if (receiver === undefined || (bytes.length === 0 && !fin)) return;
    try {
      receiver.onData(bytes, fin);
    } catch (error) {
      this.owner.handlerFailed(error);
    }
  }

  #deliverKept(): void {
    while (this.#kept.length > 0 && this.receiveOpen && !this.#paused && this.#receiver !== undefined) {
      const bytes = this.#kept.shift() ?? NO_BYTES;
      this.#deliver(bytes, this.#isFinKept && this.#kept.length === 0);
    }
    if (this.#kept.length === 0 && this.#isFinKept && this.receiveOpen && !this.#paused) {
      this.#deliver(NO_BYTES, true);
    }
  }
}

/** Sessions over WebSocket are the package's own code, and show what they hold. */
function isOverHttp3(native: PackageStream | undefined): boolean {
  return native !== undefined && native.outgochunks === undefined;
}

/**
 * The package loses what a stopped reader has not read when the end of the stream comes by itself: it takes the end for
 * an answer to everything before. So the end is put on the last piece that waits.
 */
function keepEndWithData(native: PackageStream): void {
  const { incomdata } = native;
  if (native.recvData === undefined || incomdata === undefined) return;
  const take = native.recvData.bind(native);
  native.recvData = (piece) => {
    const last = native.incomdata?.at(-1);
    const isEndAlone = piece.fin && (piece.data === undefined || piece.data.length === 0);
    if (!isEndAlone || last === undefined) {
      take(piece);
      return;
    }
    last.fin = true;
    native.processRead?.();
  };
}

/** Gives the session's window back what nobody will read. */
function dropUnread(native: PackageStream | undefined): void {
  const { incomdata } = native ?? {};
  if (incomdata === undefined) return;
  let bytes = 0;
  for (const { data } of incomdata) bytes += data?.length ?? 0;
  incomdata.length = 0;
  if (bytes > 0) native?.sessionFlowController?.addBytesConsumed(bytes);
}
