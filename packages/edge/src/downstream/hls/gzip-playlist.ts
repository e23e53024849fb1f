import { constants, crc32, deflateRawSync } from "node:zlib";

/** RFC 1952 §2.3: magic, deflate, no flags, no time, unknown system. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** RFC 1951 §3.2.4: one byte of a final stored block, then its length and the complement. */
const STORED_HEADER_BYTES = 5;
const TRAILER_BYTES = 8;
const MAX_STORED_BYTES = 0xffff;

/** The head of a playlist, compressed once for everybody. */
export interface CompressedHead {
  readonly deflated: Buffer;
  readonly crc: number;
  readonly length: number;
}

/** Ends at a byte boundary, so that more can follow. */
export function compressHead(head: Buffer): CompressedHead {
  const deflated = deflateRawSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
  return { deflated, crc: crc32(head), length: head.byteLength };
}

/** One gzip member of the head and of a viewer's own lines, which are short and left as they are. */
export function gzipPlaylist(head: CompressedHead, tail: Buffer): Buffer {
  const stored = tail.subarray(0, MAX_STORED_BYTES);
  const end = Buffer.alloc(STORED_HEADER_BYTES + stored.byteLength + TRAILER_BYTES);
  end.writeUInt8(1, 0);
  end.writeUInt16LE(stored.byteLength, 1);
  end.writeUInt16LE(~stored.byteLength & 0xffff, 3);
  stored.copy(end, STORED_HEADER_BYTES);
  const trailer = STORED_HEADER_BYTES + stored.byteLength;
  // Of no bytes at all zlib's function gives its initial value, whatever it is told to go on from.
  const crc = stored.byteLength === 0 ? head.crc : crc32(stored, head.crc);
  end.writeUInt32LE(crc, trailer);
  end.writeUInt32LE((head.length + stored.byteLength) >>> 0, trailer + 4);
  return Buffer.concat([HEADER, head.deflated, end]);
}
