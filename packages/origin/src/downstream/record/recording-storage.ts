import type { Readable } from "node:stream";

export interface StoredBody {
  /** 200 or 206. */
  readonly status: number;
  /** `content-length`, `content-range` and the like. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable | undefined;
}

/** Where finished files of recordings are kept beside, and in the end instead of, the local disk. */
export interface RecordingStorage {
  /** Stores a local file. @throws OriginError `storage-failed` */
  store(id: string, name: string, path: string, signal: AbortSignal): Promise<void>;
  /** Undefined: there is no such file. @throws OriginError `storage-failed` */
  read(
    id: string,
    name: string,
    request: { readonly method: "GET" | "HEAD"; readonly range: string | undefined },
  ): Promise<StoredBody | undefined>;
  /** Removes everything of a recording. @throws OriginError `storage-failed` */
  remove(id: string): Promise<void>;
}
