import type { MessageSocket } from "./message-socket.ts";

/** Small parts of records are put together in blocks of this size, which nobody writes to again. */
const SLAB_BYTES = 64 * 1_024;
/**
 * A payload up to this size is copied beside its header: that costs less than one more entry in the system call. A
 * larger one, such as most video frames, is passed on as it is, shared by all who watch.
 */
const COPY_BYTES = 2_048;
/** Type, stream id, offset and length of a STREAM frame at their longest. */
const MAX_HEADER_BYTES = 1 + 8 + 8 + 4;
/** A record is closed rather than given a smaller part of a payload than this. */
const WORTHWHILE_BYTES = 512;

/**
 * Puts the frames of one flush together to records. One writer serves all sessions of a process, one after the
 * other: between `begin` and `end` it belongs to one of them.
 */
export class RecordWriter {
  #slab = new Uint8Array(SLAB_BYTES);
  #at = 0;
  /** Where the piece that is being filled begins. */
  #pieceAt = 0;
  #pieces: Uint8Array[] = [];
  #recordBytes = 0;
  #isOpen = false;
  #socket: MessageSocket | undefined;
  #maxRecordBytes = 0;
  #isOneFrame = false;
  /** Bytes and records sent since `begin`. */
  sentBytes = 0;
  records = 0;

  /** `isOneFrame`: every record holds exactly one frame (qmux-00). */
  begin(socket: MessageSocket, maxRecordBytes: number, isOneFrame: boolean): void {
    this.#socket = socket;
    this.#maxRecordBytes = maxRecordBytes;
    this.#isOneFrame = isOneFrame;
    this.sentBytes = 0;
    this.records = 0;
    socket.cork();
  }

  end(): void {
    this.#closeRecord();
    this.#socket?.uncork();
    this.#socket = undefined;
  }

  /** Starts a frame that is at most `maxBytes` long. */
  frame(maxBytes: number): void {
    if (this.#isOpen && (this.#isOneFrame || this.#recordBytes + maxBytes > this.#maxRecordBytes)) {
      this.#closeRecord();
    }
    this.#open(maxBytes);
  }

  /** Shortest form of `value`, which must be below 2^53. */
  varint(value: number): void {
    const slab = this.#slab;
    let at = this.#at;
    if (value < 0x40) {
      slab[at++] = value;
    } else if (value < 0x4000) {
      slab[at++] = 0x40 | (value >>> 8);
      slab[at++] = value;
    } else if (value < 0x4000_0000) {
      slab[at++] = 0x80 | (value >>> 24);
      slab[at++] = value >>> 16;
      slab[at++] = value >>> 8;
      slab[at++] = value;
    } else {
      this.wide(Math.floor(value / 0x1_0000_0000), value % 0x1_0000_0000);
      return;
    }
    this.#recordBytes += at - this.#at;
    this.#at = at;
  }

  /** An integer in its longest form, given by its halves. */
  wide(high: number, low: number): void {
    const slab = this.#slab;
    const at = this.#at;
    slab[at] = 0xc0 | (high >>> 24);
    slab[at + 1] = high >>> 16;
    slab[at + 2] = high >>> 8;
    slab[at + 3] = high;
    slab[at + 4] = low >>> 24;
    slab[at + 5] = low >>> 16;
    slab[at + 6] = low >>> 8;
    slab[at + 7] = low;
    this.#at = at + 8;
    this.#recordBytes += 8;
  }

  /** Bytes that are part of the frame begun last. */
  bytes(bytes: Uint8Array): void {
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#recordBytes += bytes.length;
  }

  /**
   * A STREAM frame with as much of `bytes`, from `from` on and at most `wanted`, as one record takes. Returns how
   * much that was. FIN is set if that is all that is `wanted` and `fin`.
   */
  stream(id: number, offset: number, bytes: Uint8Array, from: number, wanted: number, fin: boolean): number {
    const needed = MAX_HEADER_BYTES + Math.min(wanted, WORTHWHILE_BYTES);
    if (this.#isOpen && (this.#isOneFrame || this.#recordBytes + needed > this.#maxRecordBytes)) {
      this.#closeRecord();
    }
    this.#open(MAX_HEADER_BYTES + COPY_BYTES);
    const room = this.#maxRecordBytes - this.#recordBytes - MAX_HEADER_BYTES;
    const length = Math.min(wanted, room);
    // Type with offset and length: the form that every version of the other implementations takes.
    this.#slab[this.#at] = fin && length === wanted ? 0x0f : 0x0e;
    this.#at += 1;
    this.#recordBytes += 1;
    this.varint(id);
    this.varint(offset);
    this.varint(length);
    if (length === 0) return 0;
    const payload = from === 0 && length === bytes.length ? bytes : bytes.subarray(from, from + length);
    if (length <= COPY_BYTES) {
      this.bytes(payload);
    } else {
      this.#closePiece();
      this.#pieces.push(payload);
      this.#recordBytes += length;
    }
    return length;
  }

  #open(bytes: number): void {
    const headroom = this.#isOpen ? 0 : (this.#socket?.headroomBytes ?? 0);
    if (this.#at + headroom + bytes > SLAB_BYTES) {
      this.#closePiece();
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#at = 0;
      this.#pieceAt = 0;
    }
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#recordBytes = 0;
    this.#pieceAt = this.#at;
    this.#at += headroom;
  }

  #closePiece(): void {
    if (this.#isOpen && this.#at > this.#pieceAt)
      this.#pieces.push(this.#slab.subarray(this.#pieceAt, this.#at));
    this.#pieceAt = this.#at;
  }

  #closeRecord(): void {
    if (!this.#isOpen) return;
    this.#closePiece();
    this.#isOpen = false;
    const pieces = this.#pieces;
    this.sentBytes += this.#recordBytes;
    this.records += 1;
    this.#socket?.send(pieces, this.#recordBytes);
    pieces.length = 0;
  }
}
