import { asNumber, asRecord, asText, fetchJson } from "./fetch-json.ts";

export interface TimedRequest {
  readonly type: string;
  readonly data: unknown;
  readonly delayMs: number;
}

export interface TimedReceipt {
  readonly id: string;
  /** Media time at which viewers get it, µs since the Unix epoch. */
  readonly atUs: number;
}

/** Puts a timed message into a broadcast. */
export async function sendTimed(
  origin: string,
  broadcast: string,
  request: TimedRequest,
): Promise<TimedReceipt> {
  const answer = asRecord(
    await fetchJson(`${origin}/v1/broadcasts/${broadcast}/timed`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    }),
  );
  return { id: asText(answer?.id) ?? "", atUs: asNumber(answer?.at) ?? 0 };
}
