import type { BidiStream, ReceiveStream, SessionClose, SessionHandler } from "../session.ts";

/** Records what one end is told, in order. */
export class Recorder implements SessionHandler {
  readonly uni: ReceiveStream[] = [];
  readonly bidi: BidiStream[] = [];
  readonly datagrams: Uint8Array[] = [];
  readonly closes: SessionClose[] = [];
  streamsAvailable = 0;
  callsAfterClose = 0;
  /** Called inside `onUniStream`/`onBidiStream`; the place to set a receiver. */
  accept: (stream: ReceiveStream | BidiStream) => void = () => {};

  onUniStream(stream: ReceiveStream): void {
    this.#count();
    this.uni.push(stream);
    this.accept(stream);
  }
  onBidiStream(stream: BidiStream): void {
    this.#count();
    this.bidi.push(stream);
    this.accept(stream);
  }
  onDatagram(bytes: Uint8Array): void {
    this.#count();
    this.datagrams.push(bytes.slice());
  }
  onStreamsAvailable(): void {
    this.#count();
    this.streamsAvailable++;
  }
  onClose(close: SessionClose): void {
    this.#count();
    this.closes.push(close);
  }
  #count(): void {
    if (this.closes.length > 0) {
      this.callsAfterClose++;
    }
  }
}

/** Collects one receiving half. */
export class Collector {
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  calls = 0;
  fins = 0;
  resetCode: number | undefined;

  constructor(stream: ReceiveStream) {
    stream.receiver = {
      onData: (bytes, fin) => {
        this.calls++;
        this.bytes += bytes.length;
        this.pieces.push(bytes.slice());
        this.fins += fin ? 1 : 0;
      },
      onReset: (code) => {
        this.calls++;
        this.resetCode = code;
      },
    };
  }

  get content(): Uint8Array {
    const all = new Uint8Array(this.bytes);
    let offset = 0;
    for (const piece of this.pieces) {
      all.set(piece, offset);
      offset += piece.length;
    }
    return all;
  }
}
