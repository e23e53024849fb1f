import { get } from "node:http";

/** Media times of the pictures that a viewer got, ms since the Unix epoch, in the order in which they came. */
export interface MediaTimes {
  readonly timesMs: readonly number[];
  stop(): void;
}

const POLL_MS = 150;
const FLV_HEADER_BYTES = 13;
const TAG_HEADER_BYTES = 11;
const VIDEO_TAG = 9;
const SEQUENCE_HEADER = 0;

/** Plays a broadcast by HTTP-FLV, and connects again when the edge ends the answer. */
export function watchFlv(edge: string, broadcast: string): MediaTimes & { readonly connections: number } {
  const timesMs: number[] = [];
  let connections = 0;
  let isOver = false;
  let abort = new AbortController();
  const connect = (): void => {
    if (isOver) return;
    abort = new AbortController();
    const again = (): NodeJS.Timeout => setTimeout(connect, POLL_MS);
    get(new URL(`/flv/${broadcast}.flv`, edge), { signal: abort.signal }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        again();
        return;
      }
      connections += 1;
      readFlv(response, (timeMs) => timesMs.push(timeMs)).then(again, again);
    }).on("error", again);
  };
  connect();
  return {
    timesMs,
    get connections() {
      return connections;
    },
    stop: () => {
      isOver = true;
      abort.abort();
    },
  };
}

async function readFlv(stream: AsyncIterable<Buffer>, onPicture: (timeMs: number) => void): Promise<void> {
  let bytes = Buffer.alloc(0);
  let isStarted = false;
  let baseMs = Number.NaN;
  for await (const chunk of stream) {
    bytes = Buffer.concat([bytes, chunk]);
    let at = 0;
    if (!isStarted) {
      if (bytes.byteLength < FLV_HEADER_BYTES) continue;
      isStarted = true;
      at = FLV_HEADER_BYTES;
    }
    while (bytes.byteLength >= at + TAG_HEADER_BYTES) {
      const size = bytes.readUIntBE(at + 1, 3);
      const end = at + TAG_HEADER_BYTES + size + 4;
      if (bytes.byteLength < end) break;
      const body = bytes.subarray(at + TAG_HEADER_BYTES, end - 4);
      // `onMetaData` says which media time the stream's timestamps count from.
      const base = body.indexOf("mediaTimeBaseMs");
      if (Number.isNaN(baseMs) && base >= 0) baseMs = body.readDoubleBE(base + "mediaTimeBaseMs".length + 1);
      if (bytes.readUInt8(at) === VIDEO_TAG && body.readUInt8(1) !== SEQUENCE_HEADER) {
        onPicture(baseMs + bytes.readUIntBE(at + 4, 3) + bytes.readUInt8(at + 7) * 2 ** 24);
      }
      at = end;
    }
    bytes = bytes.subarray(at);
  }
}

/** Plays the video of a broadcast by HLS, whole segments only, and begins anew when its playlist is gone. */
export function watchHls(edge: string, broadcast: string): MediaTimes {
  const timesMs: number[] = [];
  const segments = new Set<string>();
  let isOver = false;
  const master = new URL(`/hls/${broadcast}/index.m3u8`, edge).href;
  const readText = async (url: string): Promise<string> => {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return response.text();
  };
  const play = async (): Promise<void> => {
    const playlist = new URL(firstUri(await readText(master)), master).href;
    while (!isOver) {
      const text = await readText(playlist);
      for (const uri of text.split("\n").filter((line) => /-\d+\.m4s/.test(line) && !line.startsWith("#"))) {
        const url = new URL(uri, playlist);
        // Of one and the same segment, whatever is in the query.
        if (segments.has(url.pathname)) continue;
        segments.add(url.pathname);
        timesMs.push(...pictureTimesMs(Buffer.from(await (await fetch(url)).arrayBuffer())));
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  void (async () => {
    while (!isOver) {
      // Not there yet, or not any more.
      await play().catch(() => new Promise((resolve) => setTimeout(resolve, POLL_MS)));
    }
  })();
  return {
    timesMs,
    stop: () => {
      isOver = true;
    },
  };
}

function firstUri(text: string): string {
  const uri = text.split("\n").find((line) => line !== "" && !line.startsWith("#"));
  if (uri === undefined) throw new Error("the playlist names nothing");
  return uri;
}

/** Of all fragments of a segment: `tfdt` and the durations of `trun`, all in µs (ISO 14496-12 §8.8). */
function pictureTimesMs(segment: Buffer): number[] {
  const times: number[] = [];
  for (const moof of boxes(segment, "moof")) {
    for (const traf of boxes(moof, "traf")) {
      const [tfdt] = boxes(traf, "tfdt");
      const [trun] = boxes(traf, "trun");
      if (tfdt === undefined || trun === undefined) continue;
      let us = tfdt.readUInt32BE(4) * 2 ** 32 + tfdt.readUInt32BE(8);
      const count = trun.readUInt32BE(4);
      for (let index = 0; index < count; index += 1) {
        times.push(us / 1_000);
        us += trun.readUInt32BE(12 + index * 16);
      }
    }
  }
  return times;
}

/** Contents of the boxes of one type that lie side by side. */
function boxes(bytes: Buffer, type: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 8 <= bytes.byteLength; ) {
    const size = bytes.readUInt32BE(at);
    if (size < 8) break;
    if (bytes.toString("latin1", at + 4, at + 8) === type) found.push(bytes.subarray(at + 8, at + size));
    at += size;
  }
  return found;
}
