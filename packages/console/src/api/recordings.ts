import { asList, asNumber, asRecord, asText, fetchJson, postJson, send } from "./fetch-json.ts";

export interface RecordingSummary {
  readonly id: string;
  readonly broadcast: string;
  readonly state: string;
  readonly createdMs: number | undefined;
  readonly durationSeconds: number;
  readonly bytes: number | undefined;
  readonly events: number;
  /** URLs; undefined while there is no such file. */
  readonly playlist: string | undefined;
  readonly video: string | undefined;
  readonly timeline: string | undefined;
  readonly error: string | undefined;
}

/** A room in which every broadcast is recorded. */
export interface RoomSummary {
  readonly id: string;
  readonly room: string;
  readonly state: string;
  /** Ids of the recordings of its broadcasts, newest first. */
  readonly recordings: readonly string[];
  readonly durationSeconds: number;
  readonly bytes: number | undefined;
  readonly error: string | undefined;
}

export interface RecordedMessage {
  readonly offsetSeconds: number;
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

export async function loadRecordings(origin: string): Promise<readonly RecordingSummary[]> {
  return parseRecordings(await fetchJson(`${origin}/v1/recordings`), origin);
}

/** Rooms are listed in the same answer. */
export async function loadRecordingsAndRooms(
  origin: string,
): Promise<{ readonly recordings: readonly RecordingSummary[]; readonly rooms: readonly RoomSummary[] }> {
  const answer = await fetchJson(`${origin}/v1/recordings`);
  return { recordings: parseRecordings(answer, origin), rooms: parseRooms(answer) };
}

export function parseRecordings(value: unknown, origin: string): readonly RecordingSummary[] {
  return asList(asRecord(value)?.recordings)
    .map((entry) => parseRecording(entry, origin))
    .filter((recording) => recording !== undefined);
}

export async function startRecording(origin: string, broadcast: string): Promise<string | undefined> {
  return asText(asRecord(await fetchJson(`${origin}/v1/recordings`, postJson({ broadcast })))?.id);
}

export async function startRoomRecording(origin: string, room: string): Promise<string | undefined> {
  return asText(asRecord(await fetchJson(`${origin}/v1/recordings`, postJson({ room })))?.id);
}

/** Of a broadcast or of a room, by its id. */
export async function stopRecording(origin: string, id: string, purge: boolean): Promise<void> {
  const query = purge ? "?purge=true" : "";
  await send(`${origin}/v1/recordings/${encodeURIComponent(id)}${query}`, { method: "DELETE" });
}

export function parseRooms(value: unknown): readonly RoomSummary[] {
  return asList(asRecord(value)?.rooms)
    .map(parseRoom)
    .filter((room) => room !== undefined);
}

export async function loadTimeline(url: string): Promise<readonly RecordedMessage[]> {
  return parseTimeline(await fetchJson(url));
}

export function parseTimeline(value: unknown): readonly RecordedMessage[] {
  return asList(asRecord(value)?.events)
    .map(parseMessage)
    .filter((message) => message !== undefined)
    .sort((left, right) => left.offsetSeconds - right.offsetSeconds);
}

function parseRecording(value: unknown, origin: string): RecordingSummary | undefined {
  const record = asRecord(value);
  const id = asText(record?.id);
  const broadcast = asText(record?.broadcast);
  if (record === undefined || id === undefined || broadcast === undefined) return undefined;
  const created = Date.parse(asText(record.createdAt) ?? "");
  const url = (path: unknown): string | undefined => {
    const text = asText(path);
    return text === undefined ? undefined : `${origin}${text}`;
  };
  return {
    id,
    broadcast,
    state: asText(record.state) ?? "waiting",
    createdMs: Number.isNaN(created) ? undefined : created,
    durationSeconds: asNumber(record.durationSeconds) ?? 0,
    bytes: asNumber(record.bytes),
    events: asNumber(record.events) ?? 0,
    playlist: url(record.playlist),
    video: url(record.video),
    timeline: url(record.timeline),
    error: asText(asRecord(record.error)?.message),
  };
}

function parseRoom(value: unknown): RoomSummary | undefined {
  const record = asRecord(value);
  const id = asText(record?.id);
  const room = asText(record?.room);
  if (record === undefined || id === undefined || room === undefined) return undefined;
  return {
    id,
    room,
    state: asText(record.state) ?? "waiting",
    recordings: asList(record.recordings)
      .map(asText)
      .filter((recording) => recording !== undefined),
    durationSeconds: asNumber(record.durationSeconds) ?? 0,
    bytes: asNumber(record.bytes),
    error: asText(asRecord(record.error)?.message),
  };
}

function parseMessage(value: unknown): RecordedMessage | undefined {
  const record = asRecord(value);
  const message = asRecord(record?.message);
  const offsetSeconds = asNumber(record?.offsetSeconds);
  const id = asText(message?.id);
  if (offsetSeconds === undefined || message === undefined || id === undefined) return undefined;
  return { offsetSeconds, id, type: asText(message.type) ?? "", data: message.data };
}
