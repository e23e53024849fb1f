import type {
  BidiStream,
  SendStream,
  Session,
  SessionHandler,
  SessionStats,
  TransportKind,
} from "../session.ts";
import { BrowserBidiStream } from "./browser-bidi-stream.ts";
import { BrowserReceiveStream } from "./browser-receive-stream.ts";
import { BrowserSendStream } from "./browser-send-stream.ts";
import { SessionTraffic } from "./session-traffic.ts";

/** Hard bound of what waits in this session: four seconds of 16 Mbit/s. */
const MAX_SESSION_BUFFER_BYTES = 8 * 1024 * 1024;

/** How soon a stream that the peer's limit refused is tried again; browsers don't tell when one is free. */
const STREAM_RETRY_MS = 50;

/** What a close after an overflow is called on the wire: moq-lite's "bounds exceeded". */
const OVERFLOW_CODE = 11;

/** Longest reason of a close, UTF-8 bytes (W3C WebTransport, WebTransportCloseInfo). */
const MAX_REASON_BYTES = 1024;

/** Members that are not in TypeScript's DOM library, or not in every browser. */
export interface BrowserTransport extends WebTransport {
  readonly protocol?: string;
}

interface OpenRequest {
  readonly open: () => Promise<void>;
  readonly fail: () => void;
}

let lastSessionId = 0;

/** A browser's WebTransport (or an object of the same form) as a `Session`. */
export class BrowserSession implements Session {
  readonly id: number;
  readonly kind: TransportKind;
  readonly path: string;
  readonly remoteAddress: string;
  readonly #transport: BrowserTransport;
  readonly #traffic = new SessionTraffic();
  readonly #streams = new Set<BrowserSendStream | BrowserReceiveStream>();
  #handler: SessionHandler | undefined;
  #accepting = false;
  #lastStreamId = 0;
  #refused: OpenRequest | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #callerWaits = false;
  #datagrams: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #closedHere: { readonly code: number; readonly reason: string } | undefined;

  /** `transport` must be ready. */
  constructor(transport: BrowserTransport, options: { readonly url: URL; readonly kind: TransportKind }) {
    lastSessionId += 1;
    this.id = lastSessionId;
    this.kind = options.kind;
    this.path = options.url.pathname + options.url.search;
    this.remoteAddress = options.url.host;
    this.#transport = transport;
    transport.closed.then(
      (info) => this.#onClosed(info.closeCode ?? 0, info.reason ?? ""),
      (error: unknown) => this.#onClosed(undefined, error instanceof Error ? error.message : String(error)),
    );
  }

  get protocol(): string {
    return this.#transport.protocol ?? "";
  }

  get maxDatagramBytes(): number {
    return this.#transport.datagrams?.maxDatagramSize ?? 0;
  }

  get closed(): boolean {
    return this.#traffic.closed;
  }

  get handler(): SessionHandler | undefined {
    return this.#handler;
  }

  set handler(handler: SessionHandler | undefined) {
    this.#handler = handler;
    if (handler === undefined || this.#accepting) return;
    this.#accepting = true;
    // These loops end with the session, and what fails in them is the session's end.
    void this.#acceptUni().catch(ignore);
    void this.#acceptBidi().catch(ignore);
    void this.#acceptDatagrams().catch(ignore);
  }

  openUni(_priority?: number): SendStream | undefined {
    if (!this.#mayOpen()) return undefined;
    const stream = this.#newSendStream();
    this.#open({
      open: async () => {
        const writable: WritableStream<Uint8Array> = await this.#transport.createUnidirectionalStream();
        stream.attach(writable);
      },
      fail: () => stream.fail(),
    });
    return stream;
  }

  openBidi(_priority?: number): BidiStream | undefined {
    if (!this.#mayOpen()) return undefined;
    const send = this.#newSendStream();
    const receive = this.#newReceiveStream(send.id);
    this.#open({
      open: async () => {
        const stream = await this.#transport.createBidirectionalStream();
        send.attach(stream.writable);
        receive.attach(stream.readable);
      },
      fail: () => {
        send.fail();
        receive.fail();
      },
    });
    return new BrowserBidiStream(send, receive);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.closed || bytes.byteLength > this.maxDatagramBytes) return false;
    this.#datagrams ??= this.#transport.datagrams.writable.getWriter();
    if ((this.#datagrams.desiredSize ?? 0) <= 0) return false;
    void this.#datagrams.write(bytes).catch(ignore);
    this.#traffic.sentBytes += bytes.byteLength;
    return true;
  }

  /** Round-trip time, packets and rate are 0: Chromium does not report them. */
  stats(): SessionStats {
    return {
      rttMs: 0,
      sentBytes: this.#traffic.sentBytes,
      receivedBytes: this.#traffic.receivedBytes,
      sentPackets: 0,
      lostPackets: 0,
      sendRateBps: 0,
      bufferedBytes: this.#traffic.bufferedBytes,
      silentMs: performance.now() - this.#traffic.lastReceivedMs,
    };
  }

  /** Browsers have no ping; servers keep sessions alive. */
  ping(): void {}

  close(code: number, reason: string): void {
    if (this.#closedHere !== undefined || this.closed) return;
    this.#closedHere = { code, reason };
    this.#transport.close({ closeCode: code, reason: cutReason(reason) });
  }

  #newSendStream(): BrowserSendStream {
    this.#lastStreamId += 1;
    const stream: BrowserSendStream = new BrowserSendStream(
      { id: this.#lastStreamId },
      {
        traffic: this.#traffic,
        onBuffered: () => this.#checkBound(),
        onDone: () => this.#streams.delete(stream),
      },
    );
    this.#streams.add(stream);
    return stream;
  }

  #newReceiveStream(id: number, readable?: ReadableStream<Uint8Array>): BrowserReceiveStream {
    const stream: BrowserReceiveStream = new BrowserReceiveStream(
      readable === undefined ? { id } : { id, readable },
      { traffic: this.#traffic, onDone: () => this.#streams.delete(stream) },
    );
    this.#streams.add(stream);
    return stream;
  }

  #mayOpen(): boolean {
    if (this.closed) return false;
    if (this.#refused === undefined) return true;
    this.#callerWaits = true;
    return false;
  }

  #open(request: OpenRequest): void {
    request.open().then(
      () => this.#onOpened(request),
      () => this.#onRefused(request),
    );
  }

  #onOpened(request: OpenRequest): void {
    if (this.#refused !== request) return;
    this.#refused = undefined;
    if (!this.#callerWaits || this.closed) return;
    this.#callerWaits = false;
    this.#handler?.onStreamsAvailable();
  }

  #onRefused(request: OpenRequest): void {
    if (this.closed) {
      request.fail();
      return;
    }
    // Several opens in one tick can be refused together; the later ones just take their turn.
    this.#refused ??= request;
    this.#retryTimer = setTimeout(() => this.#open(request), STREAM_RETRY_MS);
  }

  #checkBound(): void {
    if (this.#traffic.bufferedBytes > MAX_SESSION_BUFFER_BYTES) {
      this.close(OVERFLOW_CODE, "send buffer overflow");
    }
  }

  async #acceptUni(): Promise<void> {
    const reader: ReadableStreamDefaultReader<ReadableStream<Uint8Array>> =
      this.#transport.incomingUnidirectionalStreams.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.closed) return;
      this.#lastStreamId += 1;
      this.#handler?.onUniStream(this.#newReceiveStream(this.#lastStreamId, value));
    }
  }

  async #acceptBidi(): Promise<void> {
    const reader: ReadableStreamDefaultReader<WebTransportBidirectionalStream> =
      this.#transport.incomingBidirectionalStreams.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.closed) return;
      const send = this.#newSendStream();
      send.attach(value.writable);
      const receive = this.#newReceiveStream(send.id, value.readable);
      this.#handler?.onBidiStream(new BrowserBidiStream(send, receive));
    }
  }

  async #acceptDatagrams(): Promise<void> {
    const reader: ReadableStreamDefaultReader<Uint8Array> = this.#transport.datagrams.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.closed) return;
      this.#traffic.onReceived(value.byteLength);
      this.#handler?.onDatagram(value);
    }
  }

  #onClosed(code: number | undefined, reason: string): void {
    if (this.#traffic.closed) return;
    this.#traffic.closed = true;
    clearTimeout(this.#retryTimer);
    this.#refused?.fail();
    for (const stream of [...this.#streams]) stream.fail();
    this.#streams.clear();
    const here = this.#closedHere;
    this.#handler?.onClose(here === undefined ? { code, reason, remote: true } : { ...here, remote: false });
  }
}

function cutReason(reason: string): string {
  let text = reason.slice(0, MAX_REASON_BYTES);
  while (new TextEncoder().encode(text).byteLength > MAX_REASON_BYTES) text = text.slice(0, -1);
  return text;
}

function ignore(): void {
  // The session's `closed` promise tells the reason.
}
