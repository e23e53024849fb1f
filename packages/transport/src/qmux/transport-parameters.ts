import { PARAMETERS_HIGH, PARAMETERS_LOW } from "./frame-types.ts";
import { QmuxError } from "./qmux-error.ts";
import type { QmuxLimits } from "./qmux-limits.ts";
import type { RecordReader } from "./record-reader.ts";
import type { RecordWriter } from "./record-writer.ts";

/** Records up to this size are taken by everybody (draft-ietf-quic-qmux). */
const DEFAULT_MAX_RECORD_BYTES = 16_382;
/** More than the parameters that there are; each one is a few bytes. */
const MAX_PARAMETERS = 64;
const MAX_PARAMETER_BYTES = 1_024;

/** Ids of transport parameters (RFC 9000 §18.2, RFC 9221 §3). */
const ID = {
  idleTimeout: 0x01,
  maxData: 0x04,
  streamDataBidiLocal: 0x05,
  streamDataBidiRemote: 0x06,
  streamDataUni: 0x07,
  maxStreamsBidi: 0x08,
  maxStreamsUni: 0x09,
  maxDatagram: 0x20,
} as const;

/** max_record_size, 0x0571c59429cd0845: passes 2^53, so both halves. */
const RECORD_SIZE_HIGH = 0x0571c594;
const RECORD_SIZE_LOW = 0x29cd0845;

/** Parameters of QUIC that mean nothing here and must not be sent. */
const FORBIDDEN: ReadonlySet<number> = new Set([0, 2, 3, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10]);

/** What the peer allows. What he leaves out is 0, as in QUIC. */
export interface PeerParameters {
  idleTimeoutMs: number;
  maxData: number;
  streamDataBidiLocal: number;
  streamDataBidiRemote: number;
  streamDataUni: number;
  maxStreamsBidi: number;
  maxStreamsUni: number;
  maxDatagramBytes: number;
  maxRecordBytes: number;
}

/** Reads the body of QX_TRANSPORT_PARAMETERS. Throws `transport-parameter`. */
export function readParameters(body: RecordReader): PeerParameters {
  const parameters: PeerParameters = {
    idleTimeoutMs: 0,
    maxData: 0,
    streamDataBidiLocal: 0,
    streamDataBidiRemote: 0,
    streamDataUni: 0,
    maxStreamsBidi: 0,
    maxStreamsUni: 0,
    maxDatagramBytes: 0,
    maxRecordBytes: DEFAULT_MAX_RECORD_BYTES,
  };
  const seen = new Set<string>();
  while (body.remaining > 0) {
    const id = body.varint();
    const { high, low } = body;
    const key = `${high}:${low}`;
    const length = body.varint();
    if (seen.has(key) || seen.size >= MAX_PARAMETERS || length > MAX_PARAMETER_BYTES) throw malformed(id);
    seen.add(key);
    if (FORBIDDEN.has(id)) throw malformed(id);
    const end = body.remaining - length;
    if (high === RECORD_SIZE_HIGH && low === RECORD_SIZE_LOW) parameters.maxRecordBytes = body.varint();
    else if (!readKnown(parameters, id, body)) body.take(length);
    if (body.remaining !== end) throw malformed(id);
  }
  // Smaller ones hold no frame with a header of any use.
  if (parameters.maxRecordBytes < 1_024) throw malformed(RECORD_SIZE_LOW);
  return parameters;
}

function readKnown(parameters: PeerParameters, id: number, body: RecordReader): boolean {
  switch (id) {
    case ID.idleTimeout:
      parameters.idleTimeoutMs = body.varint();
      return true;
    case ID.maxData:
      parameters.maxData = body.varint();
      return true;
    case ID.streamDataBidiLocal:
      parameters.streamDataBidiLocal = body.varint();
      return true;
    case ID.streamDataBidiRemote:
      parameters.streamDataBidiRemote = body.varint();
      return true;
    case ID.streamDataUni:
      parameters.streamDataUni = body.varint();
      return true;
    case ID.maxStreamsBidi:
      parameters.maxStreamsBidi = body.varint();
      return true;
    case ID.maxStreamsUni:
      parameters.maxStreamsUni = body.varint();
      return true;
    case ID.maxDatagram:
      parameters.maxDatagramBytes = body.varint();
      return true;
    default:
      return false;
  }
}

function malformed(id: number): QmuxError {
  return new QmuxError(
    "transport-parameter",
    `transport parameter ${id} is malformed, repeated or forbidden`,
  );
}

/** Every parameter of ours: an id of one byte, a length and an integer of four bytes; the last has an id of eight. */
const PARAMETER_BYTES = 6;
const RECORD_SIZE_BYTES = 8 + 1 + 4;

/** Writes our QX_TRANSPORT_PARAMETERS. */
export function writeParameters(writer: RecordWriter, limits: QmuxLimits, maxDatagramBytes: number): void {
  const { streamWindowBytes, maxIncomingStreams } = limits;
  const values: readonly (readonly [number, number])[] = [
    [ID.idleTimeout, limits.idleTimeoutMs],
    [ID.maxData, limits.sessionWindowBytes],
    [ID.streamDataBidiLocal, streamWindowBytes],
    [ID.streamDataBidiRemote, streamWindowBytes],
    [ID.streamDataUni, streamWindowBytes],
    [ID.maxStreamsBidi, maxIncomingStreams],
    [ID.maxStreamsUni, maxIncomingStreams],
    ...(maxDatagramBytes === 0 ? [] : [[ID.maxDatagram, maxDatagramBytes] as const]),
  ];
  const bodyBytes = values.length * PARAMETER_BYTES + RECORD_SIZE_BYTES;
  writer.frame(16 + bodyBytes);
  writer.wide(PARAMETERS_HIGH, PARAMETERS_LOW);
  writer.varint(bodyBytes);
  for (const [id, value] of values) {
    writer.varint(id);
    writer.varint(4);
    writer.bytes(fourBytes(value));
  }
  writer.wide(RECORD_SIZE_HIGH, RECORD_SIZE_LOW);
  writer.varint(4);
  writer.bytes(fourBytes(limits.maxRecordBytes));
}

/** A QUIC integer in four bytes, so that the length of the whole is known beforehand. */
function fourBytes(value: number): Uint8Array {
  return Uint8Array.of(0x80 | (value >>> 24), value >>> 16, value >>> 8, value);
}
