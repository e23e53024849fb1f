import type { AnnounceCodec } from "../dialect.ts";
import { announceCodec as newer } from "../lite-05/announce.ts";

/** As lite-05, but there is no ANNOUNCE_OK, and the sender puts itself at the end of the chain (moq-lite, ANNOUNCE). */
export const announceCodec: AnnounceCodec = {
  ...newer,
  ok: undefined,
  senderInHops: true,
  repeated: "violation",
};
