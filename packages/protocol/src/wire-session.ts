/**
 * What the state machine needs from a transport session. Structurally a subset of `Session` of
 * `@canopy/transport`, declared again because this package imports nothing of ours.
 */
export interface WireSendHandler {
  onDrain(): void;
  onStop(code: number): void;
}

export interface WireSendStream {
  handler: WireSendHandler | undefined;
  readonly bufferedBytes: number;
  /** Takes the bytes without a copy; false = above the high-water mark, wait for `onDrain`. */
  write(bytes: Uint8Array): boolean;
  finish(): void;
  reset(code: number): void;
  setPriority(priority: number): void;
}

export interface WireReceiveHandler {
  /** `bytes` are valid during this call only. */
  onData(bytes: Uint8Array, fin: boolean): void;
  onReset(code: number): void;
}

export interface WireReceiveStream {
  receiver: WireReceiveHandler | undefined;
  stop(code: number): void;
  pause(): void;
  resume(): void;
}

export interface WireBidiStream extends WireSendStream, WireReceiveStream {}

export interface WireSession {
  readonly protocol: string;
  openUni(priority?: number): WireSendStream | undefined;
  openBidi(priority?: number): WireBidiStream | undefined;
  sendDatagram(bytes: Uint8Array): boolean;
  close(code: number, reason: string): void;
}

/** What the transport tells of a session; the owner passes it on to the state machine. `Close` says how it ended. */
export interface WireSessionEvents<Close> {
  onUniStream(stream: WireReceiveStream): void;
  onBidiStream(stream: WireBidiStream): void;
  onDatagram(bytes: Uint8Array): void;
  onStreamsAvailable(): void;
  onClose(close: Close): void;
}
