import type { Recording, RecordingState } from "./recording.ts";
import type { RecordingInfo } from "./recording-info.ts";
import type { RoomOfRecording } from "./recording-journal.ts";

/** A recording as the API shows it. */
export interface RecordingDescription {
  readonly id: string;
  readonly broadcast: string;
  /** The room in whose recording it was made, and that recording's id. */
  readonly room?: string;
  readonly roomRecording?: string;
  readonly state: RecordingState;
  readonly createdAt: string;
  readonly finishedAt?: string;
  readonly durationSeconds: number;
  readonly bytes: number;
  readonly events: number;
  /** Paths at this origin. */
  readonly playlist?: string;
  readonly video?: string;
  readonly timeline?: string;
  readonly pendingUploads?: number;
  readonly error?: { readonly code: string; readonly message: string };
}

export function describeRunning(recording: Recording): RecordingDescription {
  const { id, broadcast, room, state, createdMs, folder, error, pendingUploads } = recording;
  const { durationUs, bytes, events } = folder.contents;
  return {
    id,
    broadcast,
    ...roomOf(room),
    state,
    createdAt: new Date(createdMs).toISOString(),
    durationSeconds: durationUs / 1_000_000,
    bytes,
    events: events.length,
    ...(durationUs === 0 ? {} : paths(id, false)),
    ...(pendingUploads === 0 ? {} : { pendingUploads }),
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  };
}

export function describeFinished(info: RecordingInfo): RecordingDescription {
  const { id, broadcast, room, durationUs, bytes, events, hasMp4, error } = info;
  return {
    id,
    broadcast,
    ...roomOf(room),
    state: durationUs === 0 ? "failed" : "ready",
    createdAt: new Date(info.createdMs).toISOString(),
    finishedAt: new Date(info.finishedMs).toISOString(),
    durationSeconds: durationUs / 1_000_000,
    bytes,
    events,
    ...(durationUs === 0 ? {} : paths(id, hasMp4)),
    ...(error === undefined ? {} : { error }),
  };
}

function paths(id: string, hasMp4: boolean): Pick<RecordingDescription, "playlist" | "video" | "timeline"> {
  return {
    playlist: `/recordings/${id}/index.m3u8`,
    timeline: `/recordings/${id}/timeline.json`,
    ...(hasMp4 ? { video: `/recordings/${id}/video.mp4` } : {}),
  };
}

function roomOf(room: RoomOfRecording | undefined): Pick<RecordingDescription, "room" | "roomRecording"> {
  return room === undefined ? {} : { room: room.path, roomRecording: room.id };
}
