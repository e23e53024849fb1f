import type { OriginError } from "../origin-error.ts";

export type PublisherProtocol = "rtmp" | "moq" | "whip";

/** Whoever feeds a broadcast. */
export interface Publisher {
  readonly protocol: PublisherProtocol;
  readonly remoteAddress: string;
  /** Ends the publisher's connection and tells it why. */
  kick(error: OriginError): void;
}
