/** Numbers of the QUIC transport; every one has a finite default. */
export interface QuicTransportOptions {
  /** Congestion control. CUBIC shares a bottleneck fairly; BBR keeps more of a lossy one. */
  readonly congestionControl: "cubic" | "bbr" | "reno";
  readonly idleTimeoutMs: number;
  /** A PING goes out when nothing came in for this long; must be well under the idle timeout. 0 = never. */
  readonly keepAliveMs: number;
  /** A connection that has no session by then is dropped. */
  readonly handshakeTimeoutMs: number;
  /** Largest UDP payload that is sent: 1,350 passes every usual path and Chromium's 1,472 limit. */
  readonly maxUdpPayloadBytes: number;
  /** Streams of each direction that the peer may have open. At least 1,024. */
  readonly maxIncomingStreams: number;
  /** Flow-control window of one incoming stream: worst case held for a paused stream. */
  readonly streamWindowBytes: number;
  /** `write` returns false above this many buffered bytes of one stream. */
  readonly streamHighWaterBytes: number;
  /** `onDrain` fires once a stream that was above the high-water mark falls under this. */
  readonly streamLowWaterBytes: number;
  /**
   * Bytes that all streams of a session may buffer; above it the session is closed. The last resort: whoever writes
   * gives up data of a slow peer much earlier. Chunks are held by reference, so shared ones cost nothing here.
   */
  readonly maxSessionBufferBytes: number;
  /** Application code of that close. */
  readonly overflowCloseCode: number;
  /** Datagrams that wait in each direction of one connection. */
  readonly datagramQueueLength: number;
  /** UDP socket buffers; the kernel caps them at net.core.{r,w}mem_max. */
  readonly socketBufferBytes: number;
}

/** What a server takes from strangers. */
export interface QuicServerLimits {
  readonly maxSessions: number;
  readonly maxHandshakes: number;
  /** Of those, one address may have so many: it must not keep everybody else out. */
  readonly maxHandshakesPerAddress: number;
  readonly maxSessionsPerAddress: number;
  /** Handshakes that one address may start per second, and at once. */
  readonly handshakesPerSecondPerAddress: number;
  readonly handshakeBurstPerAddress: number;
  /** Addresses that are remembered for the two limits above; the oldest is forgotten (about 100 bytes each). */
  readonly maxTrackedAddresses: number;
  /** Stateless Retry: proves the client's address before any state is kept, at the cost of one round trip. */
  readonly retry: "always" | "under-load" | "never";
  /** Handshakes in progress from which `under-load` asks for a Retry. */
  readonly retryLoadHandshakes: number;
}

export const DEFAULT_TRANSPORT: QuicTransportOptions = {
  congestionControl: "cubic",
  idleTimeoutMs: 30_000,
  keepAliveMs: 5_000,
  handshakeTimeoutMs: 10_000,
  maxUdpPayloadBytes: 1_350,
  maxIncomingStreams: 1_024,
  streamWindowBytes: 512 * 1_024,
  streamHighWaterBytes: 256 * 1_024,
  streamLowWaterBytes: 64 * 1_024,
  maxSessionBufferBytes: 32 * 1_024 * 1_024,
  overflowCloseCode: 0,
  datagramQueueLength: 256,
  socketBufferBytes: 4 * 1_024 * 1_024,
};

export const DEFAULT_SERVER_LIMITS: QuicServerLimits = {
  maxSessions: 10_000,
  maxHandshakes: 1_000,
  maxHandshakesPerAddress: 500,
  maxSessionsPerAddress: 10_000,
  handshakesPerSecondPerAddress: 500,
  handshakeBurstPerAddress: 1_000,
  maxTrackedAddresses: 100_000,
  retry: "under-load",
  retryLoadHandshakes: 200,
};
