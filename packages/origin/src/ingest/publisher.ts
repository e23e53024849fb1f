import type { OriginError } from "../origin-error.ts";

export type PublisherProtocol = "rtmp" | "moq" | "whip";

/** Whoever feeds a broadcast. */
export interface Publisher {
  readonly protocol: PublisherProtocol;
  readonly remoteAddress: string;
  /**
   * True if nothing has come from the publisher for so long, though it was asked, that its connection is only still
   * open because nobody has noticed. Absent: the connection tells at once when the publisher is gone.
   */
  isSilent?(): boolean;
  /** Ends the publisher's connection and tells it why. */
  kick(error: OriginError): void;
}
