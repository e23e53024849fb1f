import type {
  AnnounceListener,
  AnnounceRequest,
  MoqSessionHandler,
  SubscribeOptions,
  Subscription,
  SubscriptionListener,
  Version,
  WireBidiStream,
  WireReceiveStream,
  WireSession,
} from "@canopy/protocol";

/** What the relay needs of `MoqSession`. */
export interface MoqConnection {
  /** Undefined until agreed (legacy SETUP). */
  readonly version: Version | undefined;
  announcements(prefix: string, excludeHop: number, listener: AnnounceListener): AnnounceRequest;
  subscribe(
    broadcast: string,
    track: string,
    options: SubscribeOptions,
    listener: SubscriptionListener,
  ): Subscription;
  goaway(uri: string): void;
  close(code: number, reason: string): void;
  onTransportClosed(): void;
  onUniStream(stream: WireReceiveStream): void;
  onBidiStream(stream: WireBidiStream): void;
  onDatagram(bytes: Uint8Array): void;
  onStreamsAvailable(): void;
  /** About once a second: deadlines of requests. */
  onTick(nowMs: number): number | undefined;
}

export interface MoqConnectionOptions {
  readonly wire: WireSession;
  readonly role: "client" | "server";
  readonly originId: number;
  /** Path with query for transports without a URL (SETUP of lite-05). */
  readonly path: string | undefined;
  /** Wall-clock time, for frames of versions that carry no timestamps. */
  readonly nowUs: () => number;
}

export type CreateMoqConnection = (
  options: MoqConnectionOptions,
  handler: MoqSessionHandler,
) => MoqConnection;
