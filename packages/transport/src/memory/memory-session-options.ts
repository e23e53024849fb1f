export interface MemorySessionOptions {
  readonly id: number;
  readonly side: "client" | "server";
  readonly protocol: string;
  readonly path: string;
  readonly remoteAddress: string;
  readonly maxDatagramBytes: number;
  /** Concurrent streams that the peer allows this side to open. */
  readonly maxUniStreams: number;
  readonly maxBidiStreams: number;
  readonly streamWindowBytes: number;
  readonly sessionWindowBytes: number;
  readonly highWaterBytes: number;
  readonly lowWaterBytes: number;
  readonly maxSessionBufferBytes: number;
  readonly maxChunkBytes: number;
}
