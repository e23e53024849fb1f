import { type AmfValue, decodeAmf0, encodeAmf0 } from "@canopy/media/flv";

/** Bytes of a publisher, good or bad, for tests. Everything is explicit, so that tests can break any of it. */

export interface ChunkHeader {
  readonly format?: 0 | 1 | 2 | 3;
  readonly chunkStream?: number;
  readonly timestamp?: number;
  /** Announced length; default: that of the payload. */
  readonly length?: number;
  readonly type?: number;
  readonly streamId?: number;
}

export const HANDSHAKE = Buffer.concat([Buffer.from([3]), Buffer.alloc(1536), Buffer.alloc(1536)]);

/** One message in chunks of `chunkBytes`. */
export function message(header: ChunkHeader, payload: Uint8Array, chunkBytes = 128): Buffer {
  const id = header.chunkStream ?? 3;
  const parts: Uint8Array[] = [];
  const timestamp = header.timestamp ?? 0;
  const extended = timestamp >= 0xff_ffff;
  const first = chunkHeader(header, payload.length);
  for (let at = 0; at === 0 || at < payload.length; at += chunkBytes) {
    parts.push(at === 0 ? first : basicHeader(3, id));
    if (extended) {
      const time = Buffer.alloc(4);
      time.writeUInt32BE(timestamp);
      parts.push(time);
    }
    parts.push(payload.subarray(at, at + chunkBytes));
  }
  return Buffer.concat(parts);
}

/** Basic and message header of a chunk, without extended timestamp. */
export function chunkHeader(header: ChunkHeader, payloadBytes: number): Buffer {
  const format = header.format ?? 0;
  const fields = Buffer.alloc([11, 7, 3, 0][format] ?? 0);
  if (format <= 2) fields.writeUIntBE(Math.min(header.timestamp ?? 0, 0xff_ffff), 0, 3);
  if (format <= 1) {
    fields.writeUIntBE(header.length ?? payloadBytes, 3, 3);
    fields.writeUInt8(header.type ?? 20, 6);
  }
  if (format === 0) fields.writeUInt32LE(header.streamId ?? 0, 7);
  return Buffer.concat([basicHeader(format, header.chunkStream ?? 3), fields]);
}

function basicHeader(format: number, id: number): Buffer {
  if (id < 64) return Buffer.from([(format << 6) | id]);
  if (id < 320) return Buffer.from([format << 6, id - 64]);
  return Buffer.from([(format << 6) | 1, (id - 64) & 0xff, (id - 64) >> 8]);
}

export function command(values: readonly AmfValue[], streamId = 0): Buffer {
  return message({ type: 20, streamId }, encodeAmf0(values));
}

export function connectCommand(app: string): Buffer {
  return command(["connect", 1, { app, tcUrl: `rtmp://127.0.0.1/${app}`, objectEncoding: 0 }]);
}

/** Handshake, connect, createStream, publish in one piece, as an impatient sender would. */
export function publishCommands(app: string, name: string): Buffer {
  return Buffer.concat([
    HANDSHAKE,
    connectCommand(app),
    command(["createStream", 2, null]),
    command(["publish", 3, null, name, "live"], 1),
  ]);
}

export function setChunkSize(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return message({ chunkStream: 2, type: 1 }, payload);
}

export function video(timestamp: number, body: Uint8Array, chunkBytes = 128): Buffer {
  return message({ chunkStream: 6, timestamp, type: 9, streamId: 1 }, body, chunkBytes);
}

export function audio(timestamp: number, body: Uint8Array, chunkBytes = 128): Buffer {
  return message({ chunkStream: 4, timestamp, type: 8, streamId: 1 }, body, chunkBytes);
}

export function script(values: readonly AmfValue[], chunkBytes = 128): Buffer {
  return message({ chunkStream: 5, type: 18, streamId: 1 }, encodeAmf0(values), chunkBytes);
}

/**
 * The commands in what a server sent, handshake included, e.g. `["onStatus", 0, null, {code, …}]`.
 * Takes it that the server writes messages in one chunk each, as node-media-server does.
 */
export function readCommands(output: Uint8Array): AmfValue[][] {
  const bytes = Buffer.from(output);
  const commands: AmfValue[][] = [];
  let at = 1 + 1536 * 2;
  while (at + 12 <= bytes.length) {
    const length = bytes.readUIntBE(at + 4, 3);
    const type = bytes.readUInt8(at + 7);
    const payload = bytes.subarray(at + 12, at + 12 + length);
    if (type === 20 && payload.length === length) commands.push(decodeAmf0(payload));
    at += 12 + length;
  }
  return commands;
}

/** The onStatus messages in what a server sent. */
export function readStatuses(output: Uint8Array): { code: string; description: string; level: string }[] {
  return readCommands(output)
    .filter((values) => values[0] === "onStatus")
    .map((values) => values[3] as unknown as { code: string; description: string; level: string });
}
