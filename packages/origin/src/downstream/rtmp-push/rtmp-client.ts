import { createRequire } from "node:module";
import type { Socket } from "node:net";

/** What we use of node-media-server's client; it has no type declarations. */
export interface RtmpClient {
  socket: Socket | null;
  connected: boolean;
  baseUri: string;
  urlInfo: { readonly app: string } | null;
  readonly streamId: number;
  readonly parserPacket: { readonly header: { readonly length: number } };
  handshakeReject: ((error: Error) => void) | null;
  onHandshakeCallback: () => void;
  onErrorCallback: (error: Error) => void;
  handleData(bytes: Buffer): void;
  resetProtocolState(): void;
  sendClientHandshake(): void;
  packetAlloc(): void;
  rejectAllPending(error: Error): void;
  rejectHandshake(error: Error): void;
  sendConnect(): Promise<unknown>;
  sendCreateStream(): Promise<number>;
  sendPublish(streamName: string): Promise<unknown>;
  sendMetaData(metadata: RtmpMetadata): void;
  write(bytes: Buffer): void;
  disconnect(): void;
}

/** The values of `onMetaData`. */
export type RtmpMetadata = Readonly<Record<string, number | string | boolean>>;

export interface RtmpMessage {
  readonly codec_type: number;
  readonly dts: number;
  readonly size: number;
  readonly data: Buffer;
}

interface RtmpClientClass {
  new (): RtmpClient;
  createMessage(message: RtmpMessage): Buffer;
}

/** A server that is published to answers with commands and controls, none of which comes near this. */
const MAX_ANSWER_BYTES = 64 * 1024;

let loaded: RtmpClientClass | undefined;

/** Loaded when it is first needed: most processes never publish. */
export function rtmpClientClass(): RtmpClientClass {
  loaded ??= createRequire(import.meta.url)(
    "node-media-server/src/protocol/rtmp_client.js",
  ) as RtmpClientClass;
  return loaded;
}

/** A client that takes no memory for what a server cannot have to say to a publisher. */
export function createRtmpClient(): RtmpClient {
  const client = new (rtmpClientClass())();
  const allocate = client.packetAlloc.bind(client);
  client.packetAlloc = () => {
    if (client.parserPacket.header.length > MAX_ANSWER_BYTES) {
      throw new RangeError(`the server sent a message of ${client.parserPacket.header.length} bytes`);
    }
    allocate();
  };
  return client;
}

/**
 * Lets the client speak over a socket that is being connected; resolves after the RTMP handshake. This stands for the
 * client's own `connect`, which knows neither TLS nor a way to give up.
 */
export function shakeHands(
  client: RtmpClient,
  socket: Socket,
  target: { readonly tcUrl: string; readonly app: string },
  onClosed: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    client.resetProtocolState();
    client.urlInfo = { app: target.app };
    client.baseUri = target.tcUrl;
    client.socket = socket;
    client.handshakeReject = reject;
    client.onHandshakeCallback = resolve;
    const ready = "encrypted" in socket ? "secureConnect" : "connect";
    socket.once(ready, () => {
      client.connected = true;
      client.sendClientHandshake();
    });
    socket.on("data", (bytes) => {
      try {
        client.handleData(bytes);
      } catch (error) {
        client.onErrorCallback(error instanceof Error ? error : new Error(String(error)));
        socket.destroy();
      }
    });
    socket.once("close", () => {
      const error = new Error("the server closed the connection");
      client.connected = false;
      client.socket = null;
      client.rejectAllPending(error);
      client.rejectHandshake(error);
      onClosed();
    });
    socket.on("error", (error) => {
      client.onErrorCallback(error);
      client.rejectHandshake(error);
    });
  });
}
