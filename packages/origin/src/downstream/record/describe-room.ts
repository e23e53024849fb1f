import type { RecordingDescription } from "./describe-recording.ts";
import type { RecordingState } from "./recording.ts";
import type { RoomFile } from "./room-file.ts";

/** A room's recording as the API shows it. */
export interface RoomDescription {
  readonly id: string;
  readonly room: string;
  /** `waiting`: on, and none of the room's broadcasts is live; `finishing`: stopped, and files are being made. */
  readonly state: RecordingState;
  readonly createdAt: string;
  readonly finishedAt?: string;
  /** Ids of the recordings of its broadcasts, newest first. */
  readonly recordings: readonly string[];
  /** Sums over them. */
  readonly durationSeconds: number;
  readonly bytes: number;
  readonly events: number;
  /** Why a broadcast of it is not being recorded. */
  readonly error?: { readonly code: string; readonly message: string };
}

export function describeRoom(
  { id, room, createdMs, finishedMs }: RoomFile,
  members: readonly RecordingDescription[],
  error: { readonly code: string; readonly message: string } | undefined,
): RoomDescription {
  const sum = (of: (member: RecordingDescription) => number): number =>
    members.reduce((total, member) => total + of(member), 0);
  return {
    id,
    room,
    state: stateOf(finishedMs === undefined, members),
    createdAt: new Date(createdMs).toISOString(),
    ...(finishedMs === undefined ? {} : { finishedAt: new Date(finishedMs).toISOString() }),
    recordings: members.map((member) => member.id),
    durationSeconds: sum(({ durationSeconds }) => durationSeconds),
    bytes: sum(({ bytes }) => bytes),
    events: sum(({ events }) => events),
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  };
}

function stateOf(isOn: boolean, members: readonly RecordingDescription[]): RecordingState {
  const isAny = (...states: readonly RecordingState[]): boolean =>
    members.some(({ state }) => states.includes(state));
  if (isOn) return isAny("recording") ? "recording" : "waiting";
  if (isAny("waiting", "recording", "finishing")) return "finishing";
  return isAny("ready") ? "ready" : "failed";
}
