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
  /** The stream's receiver wants what is there. */
  queueRead(stream: FailsStream): void;
  streamEnded(stream: FailsStream): void;
  addReceived(bytes: number): void;
  addSent(bytes: number): void;
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
    if (this.receiveOpen) keepEndWithData(native);
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
    if (this.#native === undefined) return;
    this.#native.stopSending(code);
    // What still comes counts against the session's window: it is read and thrown away.
    this.#native.startReading();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.owner.queueRead(this);
  }

  /** Called by the session, not from inside a call of the stream's user. */
  read(): void {
    if (!this.receiveOpen || this.#receiver === undefined || this.#paused) return;
    if (this.#peerReset !== NONE) this.#tellReset();
    else this.#native?.startReading();
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
    const receiver = this.#receiver;
    if (fin) this.endReceiving();
    if (receiver !== undefined && (readBytes > 0 || fin)) {
      receiver.onData(buffer === undefined ? NO_BYTES : buffer.subarray(0, readBytes), fin);
    }
    return { stopReading: this.#paused && !this.#discarding };
  }

  onStreamRecvSignal({ nettask, code = 0 }: StreamSignal): void {
    if (this.owner.closed) return;
    if (nettask === "stopSending") {
      if (!this.sendOpen) return;
      this.#resetHere(code);
      this.onStopped(code);
      return;
    }
    if (!this.receiveOpen) return;
    // What was kept is given up, as a reset stream's rest is on every transport.
    dropUnread(this.#native);
    this.#peerReset = code;
    if (this.#discarding) this.endReceiving();
    else if (this.#receiver !== undefined && !this.#paused) this.#tellReset();
  }

  onStreamWrite(): void {
    if (this.#handedOver === NONE || !this.sendOpen) return;
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
    this.pump();
  }

  onStreamNetworkFinish(): void {
    // The end of a stream is known when what it consists of has been written.
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
    receiver?.onReset(this.#peerReset);
  }
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
