/**
 * The part of node-media-server 4.4.3 that is used: its RTMP protocol class. The package has no types and no
 * `exports`; members that the guard overrides or reads are declared here as they are in `src/protocol/rtmp.js`.
 */
declare module "node-media-server/src/protocol/rtmp.js" {
  interface RtmpPacket {
    header: { fmt: number; cid: number; timestamp: number; length: number; type: number; stream_id: number };
    /** Timestamp of the message in assembly, ms. Grows beyond 32 bits by itself. */
    clock: number;
    payload: Buffer;
    capacity: number;
    /** Bytes of the message in assembly that are in `payload`; 0 between messages. */
    bytes: number;
  }

  interface InvokeMessage {
    cmd: string;
    transId: number;
    cmdObj: Record<string, unknown> | null;
    info?: unknown;
  }

  class Rtmp {
    /** 0 nothing read, 1 reading C1, 2 reading C2, 3 done. */
    handshakeState: number;
    parserBuffer: Buffer;
    parserBasicBytes: number;
    parserPacket: RtmpPacket;
    inPackets: Map<number, RtmpPacket>;
    inChunkSize: number;
    outChunkSize: number;
    streams: number;
    objectEncoding: number;
    onOutputCallback: (bytes: Buffer) => void;

    parserData(bytes: Buffer): string | null;
    packetParse(): void;
    chunkMessageHeaderRead(): number;
    packetAlloc(): void;
    packetHandler(): void;
    invokeHandler(): void;
    controlHandler(): void;
    dataHandler(): void;
    sendACK(bytes: number): void;
    sendWindowACK(bytes: number): void;
    setPeerBandwidth(bytes: number, type: number): void;
    setChunkSize(bytes: number): void;
    sendInvokeMessage(streamId: number, message: InvokeMessage): void;
    sendStatusMessage(streamId: number, level: string, code: string, description: string): void;
    respondCreateStream(transactionId: number): void;
  }

  export default Rtmp;
}
