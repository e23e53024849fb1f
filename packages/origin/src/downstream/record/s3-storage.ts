import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { AwsClient } from "aws4fetch";
import { OriginError } from "../../origin-error.ts";
import { contentTypeOf } from "./recording-files.ts";
import type { S3Options } from "./recording-options.ts";
import type { RecordingStorage, StoredBody } from "./recording-storage.ts";

/** Larger files are sent in parts of this size, which is also what an upload holds in memory. */
const PART_BYTES = 8 * 1024 * 1024;
/** The protocol's limit; larger files get larger parts. */
const MAX_PARTS = 10_000;
/** For one request with its answer, or until a file that is read begins; a part at 1 Mbit/s takes 64 s. */
const REQUEST_TIMEOUT_MS = 120_000;
/** Of an error document or a listing. */
const MAX_ANSWER_CHARACTERS = 4 * 1024 * 1024;
const PASSED_ON = ["content-length", "content-range", "accept-ranges", "etag", "last-modified"] as const;

/** An S3-compatible object store, addressed by path (`https://host/bucket/key`), as all of them understand. */
export class S3Storage implements RecordingStorage {
  readonly #options: S3Options;
  readonly #client: AwsClient;

  constructor(options: S3Options) {
    this.#options = options;
    this.#client = new AwsClient({
      accessKeyId: options.accessKey,
      secretAccessKey: options.secretKey,
      region: options.region,
      service: "s3",
      // Whoever stores tries again, with the pauses that it sees fit.
      retries: 0,
    });
  }

  async store(id: string, name: string, path: string, signal: AbortSignal): Promise<void> {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    const headers = { "content-type": contentTypeOf(name) };
    const url = this.#url(id, name);
    const read = async (start: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
      const bytes = new Uint8Array(length);
      const { bytesRead } = await file.read(bytes, 0, length, start);
      if (bytesRead !== length) throw new OriginError("storage-failed", `${name} became shorter meanwhile.`);
      return bytes;
    };
    if (size <= PART_BYTES) {
      await this.#send(url, { method: "PUT", headers, body: await read(0, size), signal });
      return;
    }
    await this.#storeInParts(url, headers, size, read, signal);
  }

  async read(
    id: string,
    name: string,
    request: { readonly method: "GET" | "HEAD"; readonly range: string | undefined },
  ): Promise<StoredBody | undefined> {
    const headers = request.range === undefined ? {} : { range: request.range };
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(timedOut()), REQUEST_TIMEOUT_MS);
    const init = { method: request.method, headers, signal: waiting.signal };
    // From its head on, an answer takes as long as whoever reads it.
    const response = await this.#request(this.#url(id, name), init, [404, 416]).finally(() =>
      clearTimeout(timer),
    );
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    const passed: Record<string, string> = {};
    for (const header of PASSED_ON) {
      const value = response.headers.get(header);
      if (value !== null) passed[header] = value;
    }
    const body = response.body === null ? undefined : Readable.fromWeb(response.body as ReadableStream);
    return { status: response.status, headers: passed, body };
  }

  async remove(id: string): Promise<void> {
    const { prefix } = this.#options;
    const below = `${prefix === "" ? "" : `${prefix}/`}${id}/`;
    for (;;) {
      const list = await this.#send(
        `${this.#bucketUrl()}?list-type=2&prefix=${encodeURIComponent(below)}`,
        {},
      );
      const text = await readText(list);
      const keys = [...text.matchAll(/<Key>([^<]+)<\/Key>/g)].map((match) => decodeXml(match[1] ?? ""));
      for (const key of keys) {
        await this.#send(`${this.#bucketUrl()}/${encodeKey(key)}`, { method: "DELETE" }, [404]);
      }
      if (keys.length === 0 || !/<IsTruncated>true/.test(text)) return;
    }
  }

  async #storeInParts(
    url: string,
    headers: Readonly<Record<string, string>>,
    size: number,
    read: (start: number, length: number) => Promise<Uint8Array<ArrayBuffer>>,
    signal: AbortSignal,
  ): Promise<void> {
    const created = await this.#send(`${url}?uploads=`, { method: "POST", headers, signal });
    const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(await readText(created))?.[1];
    if (uploadId === undefined) throw new OriginError("storage-failed", "The store began no upload.");
    const upload = `uploadId=${encodeURIComponent(decodeXml(uploadId))}`;
    const partBytes = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS));
    try {
      let parts = "";
      for (let start = 0, number = 1; start < size; start += partBytes, number += 1) {
        const body = await read(start, Math.min(partBytes, size - start));
        const part = `${url}?partNumber=${number}&${upload}`;
        const stored = await this.#send(part, { method: "PUT", body, signal });
        await stored.body?.cancel();
        const etag = stored.headers.get("etag") ?? "";
        parts += `<Part><PartNumber>${number}</PartNumber><ETag>${encodeXml(etag)}</ETag></Part>`;
      }
      const body = `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`;
      const text = await readText(await this.#send(`${url}?${upload}`, { method: "POST", body, signal }));
      // The store may answer 200 and tell of a failure afterwards.
      if (text.includes("<Error>")) throw failure(200, text);
    } catch (error) {
      // Parts that nobody completes cost money; if this fails, too, the bucket's own rule removes them.
      await this.#send(`${url}?${upload}`, { method: "DELETE" }).catch(() => undefined);
      throw error;
    }
  }

  #send(url: string, init: RequestInit, accepted: readonly number[] = []): Promise<Response> {
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const signal = init.signal == null ? timeout : AbortSignal.any([init.signal, timeout]);
    return this.#request(url, { ...init, signal }, accepted);
  }

  async #request(url: string, init: RequestInit, accepted: readonly number[]): Promise<Response> {
    let response: Response;
    try {
      response = await this.#client.fetch(url, init);
    } catch (cause) {
      throw new OriginError("storage-failed", `The object store does not answer (${reasonOf(cause)}).`, {
        cause,
      });
    }
    if (response.ok || accepted.includes(response.status)) return response;
    throw failure(response.status, await readText(response));
  }

  #bucketUrl(): string {
    const { endpoint, bucket } = this.#options;
    return `${endpoint.replace(/\/+$/, "")}/${encodeURIComponent(bucket)}`;
  }

  #url(id: string, name: string): string {
    const { prefix } = this.#options;
    return `${this.#bucketUrl()}/${encodeKey(`${prefix === "" ? "" : `${prefix}/`}${id}/${name}`)}`;
  }
}

function encodeKey(key: string): string {
  return key.split("/").map(encodeURIComponent).join("/");
}

function failure(status: number, text: string): OriginError {
  const code = /<Code>([^<]{1,64})<\/Code>/.exec(text)?.[1];
  return new OriginError(
    "storage-failed",
    `The object store answered ${status}${code === undefined ? "" : ` (${code})`}.`,
  );
}

function timedOut(): DOMException {
  return new DOMException("no answer in time", "TimeoutError");
}

/** What `fetch` says of itself is "fetch failed"; its cause says why. */
function reasonOf(error: unknown): string {
  const cause = (error as Error | undefined)?.cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? (error as Error | undefined)?.name ?? "unknown";
}

async function readText(response: Response): Promise<string> {
  return (await response.text()).slice(0, MAX_ANSWER_CHARACTERS);
}

function encodeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function decodeXml(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}
