import type { Dialect } from "../dialect.ts";
import { announceCodec } from "./announce.ts";
import { datagramCodec } from "./datagram.ts";
import { fetchCodec } from "./fetch.ts";
import { goawayCodec } from "./goaway.ts";
import { groupCodec } from "./group.ts";
import { probeCodec } from "./probe.ts";
import { setupCodec } from "./setup.ts";
import { subscribeCodec } from "./subscribe.ts";
import { trackCodec } from "./track.ts";

export const lite04: Dialect = {
  version: "lite-04",
  setup: setupCodec,
  announce: announceCodec,
  subscribe: subscribeCodec,
  track: trackCodec,
  group: groupCodec,
  fetch: fetchCodec,
  probe: probeCodec,
  goaway: goawayCodec,
  datagram: datagramCodec,
};
