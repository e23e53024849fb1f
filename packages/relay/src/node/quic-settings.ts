import { QuicLoop, type QuicTransportOptions } from "@canopy/transport/quic";

/** What a node's operator may set about QUIC. */
export interface QuicSettings {
  /** `auto`, or milliseconds that frames may wait for others to share packets with. */
  readonly flushInterval: number | "auto";
  readonly maxPacketBytes: number;
  readonly congestionControl: QuicTransportOptions["congestionControl"];
}

/** The loop that all QUIC endpoints of a node share. */
export function createQuicLoop(settings: QuicSettings | undefined): QuicLoop {
  const interval = settings?.flushInterval ?? "auto";
  return new QuicLoop(interval === "auto" ? {} : { flush: interval });
}

/** For `listenQuic` and `connectQuic`. */
export function quicTransport(settings: QuicSettings | undefined): Partial<QuicTransportOptions> {
  if (settings === undefined) return {};
  const { maxPacketBytes, congestionControl } = settings;
  return { maxUdpPayloadBytes: maxPacketBytes, congestionControl };
}
