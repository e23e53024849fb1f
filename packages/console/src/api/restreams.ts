import { asList, asNumber, asRecord, asText, fetchJson, postJson, send } from "./fetch-json.ts";

export interface RestreamSummary {
  readonly id: string;
  readonly broadcast: string;
  /** Without the stream key. */
  readonly target: string;
  readonly state: string;
  readonly sinceMs: number | undefined;
  readonly bytes: number | undefined;
  readonly retries: number;
  /** What went wrong last; undefined while all is well. */
  readonly error: string | undefined;
}

export async function loadRestreams(origin: string): Promise<readonly RestreamSummary[]> {
  return parseRestreams(await fetchJson(`${origin}/v1/restreams`));
}

export function parseRestreams(value: unknown): readonly RestreamSummary[] {
  return asList(asRecord(value)?.restreams)
    .map(parseRestream)
    .filter((restream) => restream !== undefined);
}

export async function addRestream(origin: string, broadcast: string, target: string): Promise<void> {
  await send(`${origin}/v1/restreams`, postJson({ broadcast, target }));
}

export async function removeRestream(origin: string, id: string): Promise<void> {
  await send(`${origin}/v1/restreams/${encodeURIComponent(id)}`, { method: "DELETE" });
}

function parseRestream(value: unknown): RestreamSummary | undefined {
  const record = asRecord(value);
  const id = asText(record?.id);
  const broadcast = asText(record?.broadcast);
  if (record === undefined || id === undefined || broadcast === undefined) return undefined;
  const since = Date.parse(asText(record.since) ?? "");
  return {
    id,
    broadcast,
    target: asText(record.target) ?? "",
    state: asText(record.state) ?? "waiting",
    sinceMs: Number.isNaN(since) ? undefined : since,
    bytes: asNumber(record.bytes),
    retries: asNumber(record.retries) ?? 0,
    error: asText(asRecord(record.error)?.message),
  };
}
