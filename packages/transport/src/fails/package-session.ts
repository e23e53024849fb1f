/**
 * What `@fails-components/webtransport` 1.6.8 calls "native": its sessions and streams below the Web streams that it puts
 * on them. They call an event object (`jsobj`) and are told what to send, without a promise per chunk, the same for
 * WebTransport over WebSocket and for HTTP/3 through the add-on. What is optional here is there over WebSocket only.
 */
export interface PackageSession {
  jsobj: SessionEvents;
  /** Tells the peer how much it may send; without it the peer sends nothing. */
  sendInitialParameters?(): void;
  writeDatagram(chunk: Uint8Array): { readonly code: string };
  /** False if the peer allows no more. The stream comes by `onStream`, during this call or later. */
  orderUnidiStream(options: StreamOrder): boolean;
  orderBidiStream(options: StreamOrder): boolean;
  getMaxDatagramSize(): number;
  close(close: { readonly code: number; readonly reason: string }): void;
  /** Answered by `onSessionStats`, over HTTP/3 within the call. */
  orderSessionStats?(): void;
  readonly capsParser?: PackageParser;
  readonly datagramsWaiting_?: readonly Uint8Array[];
  readonly streamIdMngrUni?: StreamCount;
  readonly streamIdMngrBi?: StreamCount;
}

export interface PackageStats {
  /** Milliseconds. */
  readonly smoothedRtt?: number;
  readonly estimatedSendRateBps?: number;
}

export interface StreamCount {
  canOpenNextOutgoingStream(): boolean;
}

export interface StreamOrder {
  readonly sendOrder: number;
  readonly waitUntilAvailable: boolean;
}

/** The framing below a session over WebSocket. */
export interface PackageParser {
  readonly wtstreams: Map<bigint, unknown>;
  /** Takes a stream out of the order of sending; throws if it is not in it. */
  removeStream(id: bigint): void;
  onCloseWebTransportSession(close: { readonly code: number; readonly reason: string }): void;
}

export interface PackageStream {
  jsobj: StreamEvents;
  sendInitialParameters?(): void;
  startReading(): void;
  stopReading(): void;
  stopSending(code: number): void;
  resetStream(code: number): void;
  /** Answered by `onStreamWrite` when all of it has left, or is kept by the socket. */
  writeChunk(chunk: Uint8Array): void;
  /** Likewise. */
  streamFinal(): void;
  updateSendOrderAndGroup(order: { readonly sendOrder: number; readonly sendGroupId: bigint }): void;
  readonly streamid?: bigint;
  incomdata?: { data: Uint8Array | undefined; fin: boolean }[];
  outgochunks?: unknown[];
  recvData?(piece: { readonly data: Uint8Array | undefined; readonly fin: boolean }): void;
  processRead?(): void;
  /** That nothing more is sent counts towards the peer's limit of streams; the package forgets it at a normal end. */
  closeOutgoing?(): void;
  readonly flowController?: FlowController;
  readonly sessionFlowController?: FlowController;
}

export interface FlowController {
  addBytesConsumed(bytes: number): void;
}

export interface StreamSignal {
  readonly nettask: "resetStream" | "stopSending";
  readonly code?: number;
}

/** A part of what was received, in the buffer that was asked for. */
export interface ReadPiece {
  readonly buffer?: Uint8Array;
  readonly readBytes?: number;
  readonly fin: boolean;
}

/** The names are the package's. */
export interface StreamEvents {
  readonly parentobj: SessionState;
  getReadBuffer(wish: { readonly byteSize: number }): {
    readonly buffer: Uint8Array;
    readBytes: number;
    fin: boolean;
  };
  commitReadBuffer(piece: ReadPiece): { readonly stopReading?: boolean };
  onStreamRecvSignal(signal: StreamSignal): void;
  onStreamWrite(event: { readonly success: boolean }): void;
  onStreamNetworkFinish(event: { readonly nettask: string }): void;
}

/** What streams look at in their session's event object. */
export interface SessionState {
  readonly state: "connected" | "closed";
  readonly objint: PackageSession | undefined;
}

export interface SessionEvents extends SessionState {
  onReady(event: { readonly protocol?: string }): void;
  onClose(close: { readonly errorcode?: number; readonly error?: string }): void;
  onStream(event: {
    readonly stream: PackageStream;
    readonly incoming: boolean;
    readonly bidirectional: boolean;
  }): void;
  onDatagramReceived(event: { readonly datagram: Uint8Array }): void;
  onGoAwayReceived(): void;
  onSessionStats(stats: PackageStats): void;
  onDatagramStats(): void;
}
