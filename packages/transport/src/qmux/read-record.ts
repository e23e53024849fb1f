import type { SessionClose } from "../session.ts";
import {
  FRAME,
  PARAMETERS_HIGH,
  PARAMETERS_LOW,
  PING_HIGH,
  PING_LOW,
  PONG_LOW,
  STREAM_FIN,
  STREAM_LENGTH,
  STREAM_OFFSET,
} from "./frame-types.ts";
import { QmuxError } from "./qmux-error.ts";
import { RecordReader } from "./record-reader.ts";
import { type PeerParameters, readParameters } from "./transport-parameters.ts";
import { decodeReason } from "./utf8.ts";

/** What the frames of a record say. Byte views are valid during the call only. */
export interface FrameHandler {
  readonly closed: boolean;
  /** The peer's parameters have come. */
  readonly hasParameters: boolean;
  onParameters(parameters: PeerParameters): void;
  /** `offset` is -1 where the frame has none: then the bytes follow those before. */
  onStreamFrame(id: number, offset: number, bytes: Uint8Array, fin: boolean): void;
  onReset(id: number, code: number, finalSize: number): void;
  onStop(id: number, code: number): void;
  onSessionCredit(limit: number): void;
  onStreamCredit(id: number, limit: number): void;
  onStreamsAllowed(isUni: boolean, count: number): void;
  onDatagram(bytes: Uint8Array): void;
  /** The sequence in halves. */
  onPing(high: number, low: number): void;
  onPong(high: number, low: number): void;
  onPeerClose(close: SessionClose): void;
}

/** Reads one record: one frame with qmux-00, else one or more. Throws `QmuxError`. */
export function readRecord(bytes: Uint8Array, isOneFrame: boolean, handler: FrameHandler): void {
  const record = new RecordReader(bytes);
  let frames = 0;
  while (record.remaining > 0 && !handler.closed) {
    if (isOneFrame && frames > 0)
      throw new QmuxError("frame-encoding", "more than one frame came in a message");
    frames += 1;
    readFrame(record, handler);
  }
}

function readFrame(record: RecordReader, handler: FrameHandler): void {
  const type = record.varint();
  if (!handler.hasParameters) {
    if (record.high !== PARAMETERS_HIGH || record.low !== PARAMETERS_LOW) {
      throw new QmuxError("protocol-violation", "the first frame holds no transport parameters");
    }
    handler.onParameters(readParameters(new RecordReader(record.take(record.varint()))));
    return;
  }
  if (type >= FRAME.stream && type <= FRAME.streamLast) {
    const id = record.varint();
    const offset = (type & STREAM_OFFSET) === 0 ? -1 : record.varint();
    const bytes = (type & STREAM_LENGTH) === 0 ? record.rest() : record.take(record.varint());
    handler.onStreamFrame(id, offset, bytes, (type & STREAM_FIN) !== 0);
    return;
  }
  switch (type) {
    case FRAME.padding:
      return;
    case FRAME.resetStream:
      handler.onReset(record.varint(), record.varint(), record.varint());
      return;
    case FRAME.stopSending:
      handler.onStop(record.varint(), record.varint());
      return;
    case FRAME.maxData:
      handler.onSessionCredit(record.varint());
      return;
    case FRAME.maxStreamData:
      handler.onStreamCredit(record.varint(), record.varint());
      return;
    case FRAME.maxStreamsBidi:
    case FRAME.maxStreamsUni:
      handler.onStreamsAllowed(type === FRAME.maxStreamsUni, record.varint());
      return;
    // That the peer waits changes nothing: credit is given as bytes are consumed.
    case FRAME.dataBlocked:
    case FRAME.streamsBlockedBidi:
    case FRAME.streamsBlockedUni:
      record.varint();
      return;
    case FRAME.streamDataBlocked:
      record.varint();
      record.varint();
      return;
    case FRAME.connectionClose: {
      const code = record.varint();
      record.varint();
      const reason = decodeReason(record.take(record.varint())) || `transport error ${code}`;
      handler.onPeerClose({ code: undefined, reason, remote: true });
      return;
    }
    case FRAME.applicationClose: {
      const code = record.varint();
      // Some senders put a frame type before the reason, as in CONNECTION_CLOSE: it is over either way.
      const length = Math.min(record.varint(), record.remaining);
      handler.onPeerClose({ code, reason: decodeReason(record.take(length)), remote: true });
      return;
    }
    case FRAME.datagram:
      handler.onDatagram(record.rest());
      return;
    case FRAME.datagramWithLength:
      handler.onDatagram(record.take(record.varint()));
      return;
    default:
      readPing(record, handler);
  }
}

function readPing(record: RecordReader, handler: FrameHandler): void {
  const { high, low } = record;
  if (high !== PING_HIGH || (low !== PING_LOW && low !== PONG_LOW)) {
    throw new QmuxError("frame-encoding", "a frame's type is unknown");
  }
  record.varint();
  if (low === PING_LOW) handler.onPing(record.high, record.low);
  else handler.onPong(record.high, record.low);
}
