/** Why a restream failed; the label `reason`. */
export type RestreamFailure = "unreachable" | "refused" | "stalled" | "closed" | "media";

/** What all restreams have done since the start, also those that are gone. */
export class RestreamCounters {
  sentBytes = 0;
  droppedFrames = 0;
  readonly failures: Record<RestreamFailure, number> = {
    unreachable: 0,
    refused: 0,
    stalled: 0,
    closed: 0,
    media: 0,
  };
}
