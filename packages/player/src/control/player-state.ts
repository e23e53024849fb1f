/** What the viewer sees of a player. */
export type PlayerState = "idle" | "connecting" | "playing" | "stalled" | "ended" | "failed";

/** What happens to a player, from its viewer, its session and its presentation. */
export type PlayerSignal =
  /** The viewer, or the page, wants it to play. */
  | "play"
  | "pause"
  /** The media clock runs and frames are presented. */
  | "presenting"
  /** Nothing came to present for too long, or the session is lost after it had played. */
  | "starved"
  /** The publisher ended the broadcast, and all of it has been presented. */
  | "ended"
  /** The broadcast is there (again). */
  | "announced"
  /** Nothing can be done without the viewer. */
  | "failed";

const TRANSITIONS: Readonly<Record<PlayerState, Partial<Readonly<Record<PlayerSignal, PlayerState>>>>> = {
  idle: { play: "connecting", failed: "failed" },
  connecting: { pause: "idle", presenting: "playing", ended: "ended", failed: "failed" },
  playing: { pause: "idle", starved: "stalled", ended: "ended", failed: "failed" },
  stalled: { pause: "idle", presenting: "playing", ended: "ended", failed: "failed" },
  ended: { pause: "idle", announced: "connecting", presenting: "playing", failed: "failed" },
  failed: { pause: "idle", play: "connecting" },
};

/** The state after a signal; the same one where the signal means nothing. */
export function nextState(state: PlayerState, signal: PlayerSignal): PlayerState {
  return TRANSITIONS[state][signal] ?? state;
}
