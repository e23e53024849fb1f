import { Agent, get, type IncomingMessage } from "node:http";

/** What viewers by HTTP saw. */
export interface HttpViewerCounts {
  requests: number;
  bytes: number;
  /** Parts of HLS, or tags of FLV. */
  units: number;
  failures: number;
}

export interface HttpViewerDeps {
  readonly agent: Agent;
  readonly counts: HttpViewerCounts;
  /** Now minus the media time of the newest picture that has arrived. */
  readonly onAge: (ageMs: number) => void;
}

/** One that plays until the process ends. */
export interface HttpViewer {
  readonly units: number;
}

const RETRY_MS = 500;

/** Connections stay open, as a browser's do. */
export function createViewerAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
}

function nowUnixMs(): number {
  return performance.timeOrigin + performance.now();
}

function fetchBytes(url: string, deps: HttpViewerDeps): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = get(
      url,
      { agent: deps.agent, headers: { "accept-encoding": "identity" } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          deps.counts.bytes += chunk.byteLength;
        });
        response.on("error", reject);
        response.on("end", () => {
          deps.counts.requests += 1;
          if (response.statusCode === 200) resolve(Buffer.concat(chunks));
          else reject(new Error(`${response.statusCode} ${url}`));
        });
      },
    );
    request.on("error", reject);
  });
}

/** A low-latency player without a decoder: the hinted part and the next playlist are always on the way. */
export class HlsLoadViewer implements HttpViewer {
  units = 0;
  readonly #deps: HttpViewerDeps;

  constructor(url: string, deps: HttpViewerDeps) {
    this.#deps = deps;
    void this.#play(url);
  }

  async #play(url: string): Promise<void> {
    const master = await this.#insist(url);
    const uris = [
      ...(/URI="([^"]+)"/.exec(master.toString())?.slice(1) ?? []),
      ...(/\n(~[^\n]+)/.exec(master.toString())?.slice(1) ?? []),
    ];
    for (const uri of uris) void this.#follow(new URL(uri, url).href, !uri.includes("audio"));
  }

  async #follow(url: string, isVideo: boolean): Promise<void> {
    let text = (await this.#insist(url)).toString();
    for (;;) {
      const hint = /PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(text)?.[1] ?? "";
      const [, sequence, part] = /-(\d+)\.(\d+)\.m4s/.exec(hint) ?? [];
      const directives = `_HLS_msn=${sequence}&_HLS_part=${part}&_HLS_skip=YES`;
      try {
        const [playlist, bytes] = await Promise.all([
          fetchBytes(`${url}&${directives}`, this.#deps),
          fetchBytes(new URL(hint, url).href, this.#deps),
        ]);
        text = playlist.toString();
        this.units += 1;
        this.#deps.counts.units += 1;
        if (isVideo) this.#deps.onAge(nowUnixMs() - endOfPartMs(bytes));
      } catch {
        this.#deps.counts.failures += 1;
        text = (await this.#insist(url)).toString();
      }
    }
  }

  async #insist(url: string): Promise<Buffer> {
    for (;;) {
      try {
        return await fetchBytes(url, this.#deps);
      } catch {
        this.#deps.counts.failures += 1;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** Media time of the last picture: `tfdt` and the durations of `trun` but the last, all in µs. */
function endOfPartMs(bytes: Buffer): number {
  const tfdt = bytes.indexOf("tfdt");
  const trun = bytes.indexOf("trun");
  let us = bytes.readUInt32BE(tfdt + 8) * 2 ** 32 + bytes.readUInt32BE(tfdt + 12);
  const count = bytes.readUInt32BE(trun + 8);
  for (let index = 0; index < count - 1; index += 1) us += bytes.readUInt32BE(trun + 16 + index * 16);
  return us / 1_000;
}

const FLV_HEADER_BYTES = 13;
const TAG_HEADER_BYTES = 11;
const VIDEO_TAG = 9;

/** Reads FLV and looks at no more than the headers of its tags. */
export class FlvLoadViewer implements HttpViewer {
  units = 0;
  readonly #deps: HttpViewerDeps;
  #skip = FLV_HEADER_BYTES;
  #header = Buffer.alloc(0);
  #baseMs = Number.NaN;

  constructor(url: string, deps: HttpViewerDeps) {
    this.#deps = deps;
    const request = get(url, { agent: deps.agent }, (response) => this.#read(response));
    request.on("error", () => {
      deps.counts.failures += 1;
    });
  }

  #read(response: IncomingMessage): void {
    this.#deps.counts.requests += 1;
    response.on("data", (chunk: Buffer) => {
      this.#deps.counts.bytes += chunk.byteLength;
      // `onMetaData` says which media time the stream's timestamps count from.
      if (Number.isNaN(this.#baseMs)) {
        const at = chunk.indexOf("mediaTimeBaseMs");
        if (at >= 0) this.#baseMs = chunk.readDoubleBE(at + 16);
      }
      this.#walk(chunk);
    });
    response.on("error", () => {
      this.#deps.counts.failures += 1;
    });
    response.on("end", () => {
      this.#deps.counts.failures += 1;
    });
  }

  #walk(chunk: Buffer): void {
    let at = 0;
    for (;;) {
      const step = Math.min(this.#skip, chunk.byteLength - at);
      this.#skip -= step;
      at += step;
      if (this.#skip > 0 || at >= chunk.byteLength) return;
      const missing = TAG_HEADER_BYTES - this.#header.byteLength;
      this.#header = Buffer.concat([this.#header, chunk.subarray(at, at + missing)]);
      at += missing;
      if (this.#header.byteLength < TAG_HEADER_BYTES) return;
      this.#onTag(this.#header);
      this.#skip = this.#header.readUIntBE(1, 3) + 4;
      this.#header = Buffer.alloc(0);
    }
  }

  #onTag(header: Buffer): void {
    this.units += 1;
    this.#deps.counts.units += 1;
    const timestampMs = header.readUIntBE(4, 3) + header.readUInt8(7) * 2 ** 24;
    if (header.readUInt8(0) === VIDEO_TAG && timestampMs > 0)
      this.#deps.onAge(nowUnixMs() - this.#baseMs - timestampMs);
  }
}
