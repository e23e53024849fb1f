import type { OriginErrorCode } from "../../origin-error.ts";

/** Why something that a publisher sent was left out. */
export type WhipDropReason =
  /** RTP or RTCP that breaks its format. */
  | "malformed"
  /** A source or a payload type that was not agreed on. */
  | "unexpected"
  /** More RTCP than a sender has reason to send. */
  | "rtcp-rate"
  /** Payloads that are not what they should be. */
  | "media";

/** What WHIP counts beside the sessions. */
export interface WhipCounters {
  /** A publisher was connected and could not have its path after all. */
  refused(code: OriginErrorCode): void;
  receivedBytes(bytes: number): void;
  /** Cheap enough for every packet. */
  dropped(reason: WhipDropReason): void;
}
