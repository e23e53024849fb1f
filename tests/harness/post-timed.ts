import { seededRandom } from "./seeded-random.ts";

export interface PostedMessage {
  readonly id: string;
  readonly type: string;
  readonly at: number;
  readonly data: unknown;
}

export interface TimedRequestBody {
  readonly type: string;
  readonly data: unknown;
  readonly at?: number;
  readonly delayMs?: number;
}

/** Just below the origin's 30 messages and 8 KiB a second. */
const MAX_PER_WINDOW = 29;
const MAX_BYTES_PER_WINDOW = 8_000;
/** The origin took a message before it answered: seconds counted from the answers are none too short. */
const WINDOW_MS = 1_020;
/** Of messages for later: the longest delay, and the latest time. */
const MAX_AHEAD_MS = 1_500;

export async function postTimed(
  origin: string,
  broadcast: string,
  body: TimedRequestBody,
): Promise<PostedMessage> {
  const response = await fetch(`${origin}/v1/broadcasts/${broadcast}/timed`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { id: string; at: number };
  if (response.status !== 202) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
  return { id: answer.id, at: answer.at, type: body.type, data: body.data };
}

const TYPES = ["quiz", "lyric", "cue", "score", "x", "a-rather-long-name-of-a-type.with/signs"];
const TEXT = ["a", "Z", " ", '"', "\\", "\u0000", "\u0001", "é", "歌", "🎤", "\n", "\u2028"];

/** So many requests wait for their answer at a time, which takes a busy machine longer than the gap to the next. */
const MAX_UNDER_WAY = 4;

/** Posts `count` messages of random type, size and time; resolves when the origin has taken all. */
export async function postRandomMessages(
  options: { readonly seed: number; readonly count: number; readonly meanGapMs: number },
  target: { readonly origin: string; readonly broadcast: string },
): Promise<PostedMessage[]> {
  const random = seededRandom(options.seed);
  const posted: PostedMessage[] = [];
  const underWay = new Map<Promise<void>, number>();
  let taken: { ms: number; bytes: number }[] = [];
  const post = async (body: TimedRequestBody, bytes: number): Promise<void> => {
    posted.push(await postTimed(target.origin, target.broadcast, body));
    taken.push({ ms: performance.now(), bytes });
  };
  const hasRoom = (bytes: number): boolean => {
    const nowMs = performance.now();
    taken = taken.filter(({ ms }) => nowMs - ms < WINDOW_MS);
    const counted = [...taken.map((one) => one.bytes), ...underWay.values()];
    const total = counted.reduce((sum, one) => sum + one, bytes);
    return counted.length < MAX_PER_WINDOW && total <= MAX_BYTES_PER_WINDOW;
  };
  for (let count = 0; count < options.count; count += 1) {
    const body = randomBody(random, posted);
    const bytes = messageBytes(body);
    while (!hasRoom(bytes)) await pause(5);
    const request = post(body, bytes);
    underWay.set(request, bytes);
    void request.then(() => underWay.delete(request)).catch(() => {});
    if (underWay.size === MAX_UNDER_WAY) await Promise.race(underWay.keys());
    // Now and then several at once.
    if (random() > 0.15) await pause(random() * 2 * options.meanGapMs);
  }
  await Promise.all(underWay.keys());
  return posted;
}

/** Of the message that the origin makes of it. */
function messageBytes({ type, data }: TimedRequestBody): number {
  return Buffer.byteLength(JSON.stringify({ v: 1, id: "0".repeat(26), type, at: Date.now() * 1_000, data }));
}

function randomBody(random: () => number, posted: readonly PostedMessage[]): TimedRequestBody {
  const type = TYPES[Math.floor(random() * TYPES.length)] ?? "cue";
  const data = randomData(random);
  const choice = random();
  const nowUs = Date.now() * 1_000;
  if (choice < 0.3) return { type, data };
  if (choice < 0.6) return { type, data, delayMs: Math.round(random() * MAX_AHEAD_MS) };
  const last = posted.at(-1);
  // The same frame as the message before, or any time from a moment ago until soon.
  if (choice < 0.7 && last !== undefined) return { type, data, at: last.at };
  return { type, data, at: Math.round(nowUs + (random() * (MAX_AHEAD_MS + 300) - 300) * 1_000) };
}

function randomData(random: () => number): unknown {
  const kind = random();
  if (kind < 0.1) return [null, true, 0, -1.5, ""][Math.floor(random() * 5)];
  // Few are large: the limit of messages per second is reached before that of bytes.
  const bytes = 8 + Math.floor(random() ** 6 * 780);
  let text = "";
  while (Buffer.byteLength(JSON.stringify(text)) < bytes) {
    text += TEXT[Math.floor(random() * TEXT.length)] ?? "";
  }
  return kind < 0.5 ? text : { text, list: [random(), { deep: [[]] }], n: Math.floor(random() * 1e9) };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
