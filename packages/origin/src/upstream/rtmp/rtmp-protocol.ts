import { AmfEcmaArray, DEFAULT_AMF_LIMITS, decodeAmf0 } from "@canopy/media/flv";
import Rtmp from "node-media-server/src/protocol/rtmp.js";
import { OriginError } from "../../origin-error.ts";
import { ChunkGuard, type RtmpPhase } from "./chunk-guard.ts";
import type { RtmpLimits } from "./rtmp-limits.ts";

export type RtmpMediaKind = "audio" | "video" | "script";

/** Told what a publisher says. Called from inside `feed`; what it throws ends the connection. */
export interface RtmpProtocolHandler {
  /** Bytes for the publisher; they belong to the handler. */
  onOutput(bytes: Buffer): void;
  /** To be answered by `grantPublish` or `sendError`, now or later. */
  onPublish(app: string, streamName: string): void;
  onPlay(): void;
  /** The publisher ended its stream on purpose. */
  onUnpublish(): void;
  /** One FLV tag body. `payload` is valid during this call only. `timestampMs` is unsigned 32-bit and wraps. */
  onMedia(kind: RtmpMediaKind, timestampMs: number, payload: Uint8Array): void;
}

const RTMP_VERSION = 3;
const HANDSHAKE_DONE = 3;

/** RTMP 1.0 §5.4 and §7.1: message type ids. */
const MESSAGE_TYPE = {
  setChunkSize: 1,
  abort: 2,
  windowAcknowledgementSize: 5,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  commandAmf3: 17,
  dataAmf0: 18,
  commandAmf0: 20,
} as const;

/** What we ask for and grant; several seconds of a normal stream. */
const WINDOW_BYTES = 5_000_000;
/** A peer that asks for acknowledgements more often than this gets them this often. */
const MIN_ACKNOWLEDGEMENT_BYTES = 65_536;
/** Commands are shallow and small. */
const COMMAND_AMF_LIMITS = { ...DEFAULT_AMF_LIMITS, maxDepth: 8, maxValues: 512 };

/**
 * The server side of one RTMP connection, without I/O: bytes in, calls of the handler out.
 * Handshake, chunk assembly and command replies are node-media-server's; what it leaves open is closed here:
 * sizes are checked before memory is taken, a message can't be replaced in the middle, commands are decoded by a
 * decoder with limits, publishing starts only when it was granted, and 32-bit timestamps may wrap.
 */
export class RtmpProtocol extends Rtmp {
  readonly #handler: RtmpProtocolHandler;
  readonly #guard: ChunkGuard;
  #app: string | undefined;
  #streamId = 0;
  #phase: RtmpPhase = "connecting";
  #acknowledgeEveryBytes = WINDOW_BYTES / 2;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;

  constructor(limits: RtmpLimits, handler: RtmpProtocolHandler) {
    super();
    this.#handler = handler;
    this.#guard = new ChunkGuard(limits);
    this.onOutputCallback = (bytes) => handler.onOutput(bytes);
  }

  get handshakeDone(): boolean {
    return this.handshakeState === HANDSHAKE_DONE;
  }

  /** True once `publish` was granted. */
  get publishing(): boolean {
    return this.#phase === "publishing";
  }

  /**
   * Takes the next bytes, in pieces of any size.
   * @throws OriginError after which the connection is to be closed
   */
  feed(bytes: Buffer): void {
    if (this.handshakeState === 0 && bytes.length > 0 && bytes.readUInt8(0) !== RTMP_VERSION) {
      throw new OriginError("not-rtmp", "The first byte is not that of RTMP version 3.");
    }
    this.#receivedBytes += bytes.length;
    this.parserData(bytes);
    if (this.handshakeDone && this.#receivedBytes - this.#acknowledgedBytes >= this.#acknowledgeEveryBytes) {
      this.#acknowledgedBytes = this.#receivedBytes;
      this.sendACK(this.#receivedBytes % 2 ** 32);
    }
  }

  /** Answers `publish` with yes: from now on media is taken. */
  grantPublish(path: string): void {
    this.#phase = "publishing";
    this.#sendStatus("status", "NetStream.Publish.Start", `${path} is now published.`);
  }

  /** Tells the publisher what is wrong, as far as the connection has come. The caller closes it then. */
  sendError(code: string, description: string): void {
    if (this.handshakeDone) this.#sendStatus("error", code, description);
  }

  // ------------------------------------------------------------------ hooks of the chunk parser

  /** RTMP 1.0 §5.3.1: a chunk's basic and message header are complete in `parserBuffer`. */
  override packetParse(): void {
    const first = this.parserBuffer.readUInt8(0);
    const format = first >> 6;
    let id = first & 0x3f;
    if (this.parserBasicBytes === 2) id = 64 + this.parserBuffer.readUInt8(1);
    else if (this.parserBasicBytes === 3) id = 64 + this.parserBuffer.readUInt16LE(1);
    let packet = this.inPackets.get(id);
    this.#guard.checkChunk(format, packet?.bytes ?? 0, packet === undefined, this.inPackets.size);
    if (packet === undefined) {
      packet = {
        header: { fmt: format, cid: id, timestamp: 0, length: 0, type: 0, stream_id: 0 },
        clock: 0,
        payload: Buffer.alloc(0),
        capacity: 0,
        bytes: 0,
      };
      this.inPackets.set(id, packet);
    }
    packet.header.fmt = format;
    this.parserPacket = packet;
    this.chunkMessageHeaderRead();
  }

  /** A new message starts: its length and timestamp are known, no byte of it was taken yet. */
  override packetAlloc(): void {
    const packet = this.parserPacket;
    packet.clock %= 2 ** 32;
    const capacity = this.#guard.capacityFor(packet.header.length, packet.capacity, this.#phase);
    if (capacity === packet.capacity) return;
    packet.payload = Buffer.allocUnsafeSlow(capacity);
    packet.capacity = capacity;
  }

  /** A message is complete in `parserPacket`. */
  override packetHandler(): void {
    const { type, length } = this.parserPacket.header;
    const payload = this.parserPacket.payload.subarray(0, length);
    switch (type) {
      case MESSAGE_TYPE.setChunkSize:
        this.inChunkSize = this.#guard.chunkSize(payload, this.#messagesInAssembly());
        return;
      case MESSAGE_TYPE.abort:
        this.#abort(payload);
        return;
      case MESSAGE_TYPE.windowAcknowledgementSize:
        if (payload.length >= 4) {
          this.#acknowledgeEveryBytes = Math.max(MIN_ACKNOWLEDGEMENT_BYTES, payload.readUInt32BE(0) / 2);
        }
        return;
      case MESSAGE_TYPE.commandAmf0:
        this.#command(payload);
        return;
      case MESSAGE_TYPE.commandAmf3:
        // The byte in front says that AMF0 follows; senders use this type without any AMF3 in it.
        this.#command(payload.subarray(1));
        return;
      case MESSAGE_TYPE.audio:
        this.#media("audio", payload);
        return;
      case MESSAGE_TYPE.video:
        this.#media("video", payload);
        return;
      case MESSAGE_TYPE.dataAmf0:
        this.#media("script", payload);
        return;
      case MESSAGE_TYPE.dataAmf3:
        this.#media("script", payload.subarray(1));
        return;
      default:
      // Acknowledgements, pings, shared objects: nothing that a publisher needs an answer to.
    }
  }

  // ------------------------------------------------------------------ messages

  #messagesInAssembly(): number {
    let count = 0;
    for (const packet of this.inPackets.values()) if (packet.bytes > 0) count++;
    return count;
  }

  /** RTMP 1.0 §5.4.2: the rest of a message will not come. */
  #abort(payload: Buffer): void {
    if (payload.length < 4) return;
    const packet = this.inPackets.get(payload.readUInt32BE(0));
    if (packet !== undefined) packet.bytes = 0;
  }

  #media(kind: RtmpMediaKind, payload: Uint8Array): void {
    // Empty messages are sent by some encoders as a sign of life.
    if (payload.length > 0) this.#handler.onMedia(kind, this.parserPacket.clock, payload);
  }

  #command(payload: Uint8Array): void {
    const values = decodeCommand(payload);
    const [name, transactionId, object, argument] = values;
    const transaction = typeof transactionId === "number" ? transactionId : 0;
    switch (name) {
      case "connect":
        this.#connect(transaction, object);
        return;
      case "createStream":
        this.respondCreateStream(transaction);
        return;
      case "publish":
        this.#streamId = this.parserPacket.header.stream_id;
        this.#publish(argument);
        return;
      case "play":
      case "play2":
        this.#streamId = this.parserPacket.header.stream_id;
        this.#handler.onPlay();
        return;
      case "deleteStream":
      case "closeStream":
      case "FCUnpublish":
        if (this.publishing) this.#handler.onUnpublish();
        return;
      default:
      // releaseStream, FCPublish, _checkbw and the like: publishers go on without an answer.
    }
  }

  #connect(transaction: number, object: unknown): void {
    const app = property(object, "app");
    if (typeof app !== "string") throw new OriginError("bad-command", "`connect` names no app.");
    const encoding = property(object, "objectEncoding");
    this.#app = app;
    this.sendWindowACK(WINDOW_BYTES);
    this.setPeerBandwidth(WINDOW_BYTES, 2);
    this.setChunkSize(this.outChunkSize);
    this.sendInvokeMessage(0, {
      cmd: "_result",
      transId: transaction,
      cmdObj: { fmsVer: "FMS/3,0,1,123", capabilities: 31 },
      info: {
        level: "status",
        code: "NetConnection.Connect.Success",
        description: "Connection succeeded.",
        objectEncoding: typeof encoding === "number" ? encoding : 0,
      },
    });
  }

  #publish(streamName: unknown): void {
    if (this.#app === undefined || typeof streamName !== "string") {
      throw new OriginError("bad-command", "`publish` came before `connect` or names no stream.");
    }
    if (this.#phase !== "connecting") throw new OriginError("bad-command", "`publish` was sent twice.");
    this.#phase = "asking";
    this.#handler.onPublish(this.#app, streamName);
  }

  #sendStatus(level: "status" | "error", code: string, description: string): void {
    // node-media-server's AMF writer counts UTF-16 units where bytes are due: only ASCII is safe.
    this.sendStatusMessage(this.#streamId, level, code, description.replace(/[^\x20-\x7e]/g, "?"));
  }
}

function decodeCommand(payload: Uint8Array): readonly unknown[] {
  try {
    return decodeAmf0(payload, COMMAND_AMF_LIMITS);
  } catch (cause) {
    throw new OriginError("bad-command", "A command is not valid AMF0.", { cause });
  }
}

function property(value: unknown, name: string): unknown {
  if (value instanceof AmfEcmaArray) return property(value.entries, name);
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}
