import type {
  BidiStream,
  SendStream,
  Session,
  SessionClose,
  SessionHandler,
  SessionStats,
} from "../session.ts";
import type { MemoryClock } from "./memory-clock.ts";
import type { MemoryLink, MemoryPacket } from "./memory-link.ts";
import type { MemorySessionOptions } from "./memory-session-options.ts";
import { MemoryStream, type MemoryStreamDeps } from "./memory-stream.ts";
import { ReceiveHalf } from "./receive-half.ts";
import { poison, ScratchDelivery } from "./scratch-delivery.ts";
import { SendHalf } from "./send-half.ts";
import { truncateUtf8 } from "./truncate-utf8.ts";

export interface MemorySessionDeps {
  readonly clock: MemoryClock;
  readonly outgoing: MemoryLink;
  readonly incoming: MemoryLink;
}

/** Reasons longer than this are cut (the limit of WebTransport's close capsule). */
const MAX_CLOSE_REASON_BYTES = 1024;

/** Datagrams wait at most this long for the link's rate; real stacks drop them, too. */
const MAX_DATAGRAM_WAIT_MS = 50;

export class MemorySession implements Session {
  readonly kind = "memory";
  readonly #options: MemorySessionOptions;
  readonly #deps: MemorySessionDeps;
  readonly #streamDeps: MemoryStreamDeps;
  readonly #streams = new Map<number, MemoryStream>();
  /** Ids of the peer's streams that are over: late STOP_SENDING for them is ignored. */
  readonly #retired = new Set<number>();
  readonly #waitingPackets: MemoryPacket[] = [];
  readonly #nextIds: { uni: number; bidi: number };
  readonly #free: { uni: number; bidi: number };
  #handler: SessionHandler | undefined;
  readonly #delivery = new ScratchDelivery();
  #wantsStreams = false;
  #flushScheduled = false;
  #closed = false;
  #closeDelivered = false;
  #bufferedBytes = 0;
  #sessionCreditBytes: number;
  #sentBytes = 0;
  #receivedBytes = 0;
  #sentPackets = 0;
  #lastPacketMs: number;

  constructor(options: MemorySessionOptions, deps: MemorySessionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#sessionCreditBytes = options.sessionWindowBytes;
    this.#lastPacketMs = deps.clock.nowMs();
    this.#free = { uni: options.maxUniStreams, bidi: options.maxBidiStreams };
    const side = options.side === "client" ? 0 : 1;
    this.#nextIds = { bidi: side, uni: side + 2 };
    this.#streamDeps = {
      isSessionClosed: () => this.#closed,
      onSendWork: (addedBytes) => this.#onSendWork(addedBytes),
      onReceiveWork: (stream) => {
        deps.clock.schedule(0, () => stream.receiving?.pump());
      },
      sendReset: (stream, code) => {
        this.#recount();
        this.#send({ kind: "reset", streamId: stream.id, code });
        this.#retireIfOver(stream);
      },
      sendStop: (stream, code) => this.#send({ kind: "stop", streamId: stream.id, code }),
    };
    deps.incoming.onPacket = (packet) => this.#onPacket(packet);
  }

  get id(): number {
    return this.#options.id;
  }

  get protocol(): string {
    return this.#options.protocol;
  }

  get path(): string {
    return this.#options.path;
  }

  get remoteAddress(): string {
    return this.#options.remoteAddress;
  }

  get maxDatagramBytes(): number {
    return this.#options.maxDatagramBytes;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get handler(): SessionHandler | undefined {
    return this.#handler;
  }

  /** Packets that arrive while there is no handler wait for one. */
  set handler(handler: SessionHandler | undefined) {
    this.#handler = handler;
    if (handler !== undefined && this.#waitingPackets.length > 0) {
      this.#deps.clock.schedule(0, () => {
        for (const packet of this.#waitingPackets.splice(0)) {
          this.#handle(packet);
        }
      });
    }
  }

  openUni(priority = 0): SendStream | undefined {
    return this.#open("uni", priority);
  }

  openBidi(priority = 0): BidiStream | undefined {
    return this.#open("bidi", priority);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    const link = this.#deps.outgoing;
    if (this.#closed || bytes.length > this.#options.maxDatagramBytes || link.waitMs > MAX_DATAGRAM_WAIT_MS) {
      return false;
    }
    this.#send({ kind: "datagram", bytes: bytes.slice() }, bytes.length);
    return true;
  }

  stats(): SessionStats {
    return {
      rttMs: this.#deps.outgoing.delayMs + this.#deps.incoming.delayMs,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      sentPackets: this.#sentPackets,
      lostPackets: 0,
      sendRateBps: this.#deps.outgoing.bandwidthBps ?? 0,
      bufferedBytes: this.#bufferedBytes,
      silentMs: this.#deps.clock.nowMs() - this.#lastPacketMs,
    };
  }

  ping(): void {
    if (!this.#closed) {
      this.#send({ kind: "ping" });
    }
  }

  close(code: number, reason: string): void {
    this.closeWith(code, reason);
  }

  /** As `close`; an undefined code means that the transport ends the session (idle, bound passed). */
  closeWith(code: number | undefined, reason: string): void {
    if (this.#closed) {
      return;
    }
    const cut = truncateUtf8(reason, MAX_CLOSE_REASON_BYTES);
    this.#send({ kind: "close", code, reason: cut });
    this.#closed = true;
    this.#deps.clock.schedule(0, () => this.#deliverClose({ code, reason: cut, remote: false }));
  }

  #open(kind: "uni" | "bidi", priority: number): MemoryStream | undefined {
    if (this.#closed) {
      return undefined;
    }
    if (this.#free[kind] === 0) {
      this.#wantsStreams = true;
      return undefined;
    }
    this.#free[kind]--;
    const id = this.#nextIds[kind];
    this.#nextIds[kind] += 4;
    return this.#createStream(id, priority, { sends: true, receives: kind === "bidi" });
  }

  #createStream(id: number, priority: number, has: { sends: boolean; receives: boolean }): MemoryStream {
    const { streamWindowBytes, highWaterBytes, lowWaterBytes } = this.#options;
    const sendOptions = { windowBytes: streamWindowBytes, highWaterBytes, lowWaterBytes };
    const receiving = has.receives
      ? new ReceiveHalf({
          deliver: (receiver, bytes, fin) => this.#delivery.deliver(receiver, bytes, fin),
          onConsumed: (bytes) => {
            if (bytes > 0) {
              this.#send({ kind: "credit", streamId: id, bytes });
            }
          },
          onDone: () => this.#retireIfOver(this.#streams.get(id)),
          isSessionClosed: () => this.#closed,
        })
      : undefined;
    const sending = has.sends ? new SendHalf(sendOptions, priority) : undefined;
    const stream = new MemoryStream(id, { sending, receiving }, this.#streamDeps);
    this.#streams.set(id, stream);
    return stream;
  }

  #retireIfOver(stream: MemoryStream | undefined): void {
    if (!stream?.over || !this.#streams.delete(stream.id)) {
      return;
    }
    if (!this.#isOwn(stream.id)) {
      this.#retired.add(stream.id);
      this.#send({ kind: "streams", uni: isUni(stream.id) });
    }
  }

  #isOwn(streamId: number): boolean {
    return (streamId & 1) === (this.#options.side === "client" ? 0 : 1);
  }

  #send(packet: MemoryPacket, sizeBytes = 0): void {
    if (this.#closed) {
      return;
    }
    this.#sentPackets++;
    this.#sentBytes += sizeBytes;
    this.#deps.outgoing.send(packet, sizeBytes);
  }

  #onSendWork(addedBytes: number): void {
    this.#bufferedBytes += addedBytes;
    if (this.#bufferedBytes > this.#options.maxSessionBufferBytes) {
      this.closeWith(undefined, "more is buffered than the session's bound");
      return;
    }
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      this.#deps.clock.schedule(this.#deps.outgoing.waitMs, () => this.#flush());
    }
  }

  /** Hands packets to the link, highest priority first, as far as credit and the link's rate allow. */
  #flush(): void {
    this.#flushScheduled = false;
    const ready: { stream: MemoryStream; half: SendHalf }[] = [];
    for (const stream of this.#streams.values()) {
      if (stream.sending?.hasWork) {
        ready.push({ stream, half: stream.sending });
      }
    }
    ready.sort((a, b) => b.half.priority - a.half.priority);
    for (const { stream, half } of ready) {
      this.#flushStream(stream, half);
      if (this.#deps.outgoing.waitMs > 0) {
        this.#scheduleFlush();
        break;
      }
    }
    for (const { half } of ready) {
      if (!this.#closed && half.takeDrain()) {
        half.handler?.onDrain();
      }
    }
  }

  #flushStream(stream: MemoryStream, half: SendHalf): void {
    while (!this.#closed && half.hasWork) {
      if (this.#sessionCreditBytes <= 0 && half.bufferedBytes > 0) {
        return;
      }
      const { bytes, fin } = half.take(Math.min(this.#options.maxChunkBytes, this.#sessionCreditBytes));
      this.#bufferedBytes -= bytes.length;
      this.#sessionCreditBytes -= bytes.length;
      this.#send({ kind: "data", streamId: stream.id, bytes, fin }, bytes.length);
      if (fin) {
        this.#retireIfOver(stream);
      }
      if (this.#deps.outgoing.waitMs > 0) {
        return;
      }
    }
  }

  #recount(): void {
    this.#bufferedBytes = 0;
    for (const stream of this.#streams.values()) {
      this.#bufferedBytes += stream.bufferedBytes;
    }
  }

  #onPacket(packet: MemoryPacket): void {
    if (this.#closed) {
      return;
    }
    if (this.#handler === undefined || this.#waitingPackets.length > 0) {
      this.#waitingPackets.push(packet);
      return;
    }
    this.#handle(packet);
  }

  #handle(packet: MemoryPacket): void {
    if (this.#closed) {
      return;
    }
    this.#lastPacketMs = this.#deps.clock.nowMs();
    switch (packet.kind) {
      case "data":
        this.#receivedBytes += packet.bytes.length;
        this.#streamFor(packet.streamId)?.receiving?.onData(packet.bytes, packet.fin);
        return;
      case "reset":
        this.#streamFor(packet.streamId)?.receiving?.onReset(packet.code);
        return;
      case "stop":
        this.#onStop(this.#streamFor(packet.streamId), packet.code);
        return;
      case "credit":
        this.#sessionCreditBytes += packet.bytes;
        this.#addStreamCredit(this.#streams.get(packet.streamId), packet.bytes);
        this.#scheduleFlush();
        return;
      case "streams":
        this.#free[packet.uni ? "uni" : "bidi"]++;
        if (this.#wantsStreams) {
          this.#wantsStreams = false;
          this.#handler?.onStreamsAvailable();
        }
        return;
      case "datagram":
        this.#receivedBytes += packet.bytes.length;
        this.#handler?.onDatagram(packet.bytes);
        poison(packet.bytes);
        return;
      case "ping":
        this.#send({ kind: "pong" });
        return;
      case "pong":
        return;
      case "close":
        this.#closed = true;
        this.#deliverClose({ code: packet.code, reason: packet.reason, remote: true });
        return;
    }
  }

  #addStreamCredit(stream: MemoryStream | undefined, bytes: number): void {
    if (stream?.sending !== undefined) {
      stream.sending.creditBytes += bytes;
    }
  }

  /** The stream with this id; a new one is created and announced if the peer opened it with this packet. */
  #streamFor(streamId: number): MemoryStream | undefined {
    const known = this.#streams.get(streamId);
    if (known !== undefined || this.#isOwn(streamId) || this.#retired.has(streamId)) {
      return known;
    }
    const uni = isUni(streamId);
    const stream = this.#createStream(streamId, 0, { sends: !uni, receives: true });
    if (uni) {
      this.#handler?.onUniStream(stream);
    } else {
      this.#handler?.onBidiStream(stream);
    }
    return stream;
  }

  #onStop(stream: MemoryStream | undefined, code: number): void {
    const half = stream?.sending;
    if (stream === undefined || half === undefined || half.done || this.#closed) {
      return;
    }
    half.abandon();
    this.#recount();
    this.#send({ kind: "reset", streamId: stream.id, code });
    half.handler?.onStop(code);
    this.#retireIfOver(stream);
  }

  #deliverClose(close: SessionClose): void {
    if (this.#closeDelivered) {
      return;
    }
    this.#closeDelivered = true;
    this.#streams.clear();
    this.#bufferedBytes = 0;
    this.#handler?.onClose(close);
  }
}

function isUni(streamId: number): boolean {
  return (streamId & 2) !== 0;
}
