import { asList, asNumber, asRecord, asText, fetchJson } from "./fetch-json.ts";

export interface TrackSummary {
  readonly name: string;
  /** Such as "avc1.42c01f · 1280×720 · 30 fps". */
  readonly description: string;
  readonly bitrateBps: number | undefined;
}

/** Something that the publisher can do better. */
export interface Warning {
  /** Such as `b-frames`; undefined if the origin gives a text alone. */
  readonly code: string | undefined;
  readonly text: string;
}

export interface BroadcastSummary {
  readonly path: string;
  /** `rtmp`, `moq` or `whip`, if known. */
  readonly publisher: string | undefined;
  /** False: the publisher was lost and may come back. */
  readonly connected: boolean;
  readonly startedMs: number | undefined;
  readonly bitrateBps: number | undefined;
  readonly tracks: readonly TrackSummary[];
  readonly warnings: readonly Warning[];
}

/** All broadcasts of the origin; what its list leaves out is asked for one by one. */
export async function loadBroadcasts(origin: string): Promise<readonly BroadcastSummary[]> {
  const summaries = parseBroadcastList(await fetchJson(`${origin}/v1/broadcasts`));
  const detailed = await Promise.all(
    summaries.map(async (summary) => {
      if (summary.tracks.length > 0) return summary;
      try {
        const details = parseBroadcast(await fetchJson(`${origin}/v1/broadcasts/${summary.path}`));
        return details ? { ...details, path: summary.path } : summary;
      } catch {
        // It may have ended between the two requests; the list has the last word until the next poll.
        return summary;
      }
    }),
  );
  return detailed.sort((a, b) => a.path.localeCompare(b.path));
}

export function parseBroadcastList(value: unknown): readonly BroadcastSummary[] {
  const list = Array.isArray(value) ? value : asList(asRecord(value)?.broadcasts);
  return list.map(parseBroadcast).filter((broadcast) => broadcast !== undefined);
}

/** Takes what it knows of an entry; only the path is needed. */
export function parseBroadcast(value: unknown): BroadcastSummary | undefined {
  if (typeof value === "string") return { path: value, ...EMPTY };
  const record = asRecord(value);
  const path = asText(record?.broadcast) ?? asText(record?.path) ?? asText(record?.name);
  if (!record || path === undefined) return undefined;
  const publisher = asRecord(record.publisher);
  return {
    path,
    connected: publisher?.connected !== false,
    publisher: asText(record.publisher) ?? asText(publisher?.protocol) ?? asText(record.protocol),
    startedMs: parseTimeMs(record.startedAt ?? record.since ?? record.started ?? publisher?.startedAt),
    bitrateBps: (asNumber(record.bitrateBps) ?? asNumber(record.bitrate)) || undefined,
    tracks: parseTracks(record.tracks),
    warnings: asList(record.warnings)
      .map(parseWarning)
      .filter((warning) => warning !== undefined),
  };
}

const EMPTY = {
  connected: true,
  publisher: undefined,
  startedMs: undefined,
  bitrateBps: undefined,
  tracks: [],
  warnings: [],
} as const;

/** Tracks as a list, or as an object by name. */
function parseTracks(value: unknown): readonly TrackSummary[] {
  const record = asRecord(value);
  const entries = record
    ? Object.entries(record).map(([name, track]) => ({ name, ...asRecord(track) }))
    : asList(value);
  return entries.map(parseTrack).filter((track) => track !== undefined);
}

function parseTrack(value: unknown): TrackSummary | undefined {
  if (typeof value === "string") return { name: value, description: "", bitrateBps: undefined };
  const record = asRecord(value);
  const name = asText(record?.name) ?? asText(record?.track);
  if (!record || name === undefined) return undefined;
  const width = asNumber(record.width) ?? asNumber(record.codedWidth);
  const height = asNumber(record.height) ?? asNumber(record.codedHeight);
  // Measured figures are 0 until there is something to measure.
  const rate = (asNumber(record.framerate) ?? asNumber(record.fps)) || undefined;
  const sampleRate = asNumber(record.sampleRate);
  const channels = asNumber(record.channels) ?? asNumber(record.numberOfChannels);
  const parts = [
    asText(record.codec),
    width !== undefined && height !== undefined ? `${width}×${height}` : undefined,
    rate !== undefined ? `${Math.round(rate * 100) / 100} fps` : undefined,
    sampleRate !== undefined ? `${sampleRate / 1000} kHz` : undefined,
    channels !== undefined
      ? channels === 1
        ? "mono"
        : channels === 2
          ? "stereo"
          : `${channels} ch`
      : undefined,
  ];
  return {
    name,
    description: parts.filter((part) => part !== undefined).join(" · "),
    bitrateBps: asNumber(record.bitrateBps) ?? asNumber(record.bitrate),
  };
}

function parseWarning(value: unknown): Warning | undefined {
  const record = asRecord(value);
  const code = asText(record?.code);
  const text =
    asText(value) ?? asText(record?.message) ?? asText(record?.detail) ?? asText(record?.title) ?? code;
  return text === undefined ? undefined : { code, text };
}

/** ISO text, or a number in ms or µs since the epoch. */
function parseTimeMs(value: unknown): number | undefined {
  const text = asText(value);
  if (text !== undefined) {
    const parsed = Date.parse(text);
    return Number.isNaN(parsed) ? undefined : parsed;
  }
  const number = asNumber(value);
  if (number === undefined) return undefined;
  return number > 1e14 ? number / 1000 : number;
}
