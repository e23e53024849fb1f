import type { Http2ServerResponse } from "node:http2";
import type { Admission, Admitted, SessionGate } from "@canopy/relay/node";
import { authorizeWatching } from "@canopy/relay/node";
import { type HttpServer, ProblemError } from "@canopy/runtime";
import type { FastifyReply } from "fastify";
import type { HlsOptions } from "./hls-options.ts";
import { HlsService, type HlsServiceDeps } from "./hls-service.ts";
import { type PlaylistQuery, parseDirectives } from "./parse-directives.ts";
import { type HlsPath, parseHlsPath } from "./parse-hls-path.ts";
import { parseRange } from "./parse-range.ts";
import type { Requester } from "./pending-requests.ts";

type App = HttpServer["app"];
type Reply = FastifyReply<HlsRoute>;

interface HlsRoute {
  readonly Params: { readonly "*": string };
  readonly Querystring: PlaylistQuery & { readonly jwt?: unknown; readonly s?: unknown };
}

const PLAYLIST_TYPE = "application/vnd.apple.mpegurl";
const SEGMENT_TYPE = "video/mp4";
/** Names of segments are never used again. */
const SEGMENT_AGE_SECONDS = 31_536_000;
/** A playlist that was waited for is what it is for whoever asks the same; any other is old with the next part. */
const BLOCKED_AGE_IN_TARGETS = 6;

/** HLS at a node: the HTTP routes, and the segmenters behind them. */
export class HlsEndpoint {
  readonly service: HlsService;
  readonly #stalledMs: number;

  constructor(options: HlsOptions, deps: HlsServiceDeps) {
    this.#stalledMs = options.stalledMs;
    this.service = new HlsService(options, deps);
  }

  /** Before the HTTP server listens. HEAD is answered by the same handlers. */
  register(app: App, admission: Admission, gate: SessionGate): void {
    const described = {
      schema: { summary: "Plays by LL-HLS: playlists, segments and parts" } as object,
      config: { describedAs: "/hls/{broadcast}/index.m3u8" },
    };
    app.get<HlsRoute>("/hls/*", described, async (request, reply) => {
      const path = parseHlsPath(request.params["*"]);
      if (path === undefined) throw new ProblemError(404, "Not Found", "No such playlist or segment.");
      // Refused requests for segments are not counted: each viewer whose token expires sends some.
      const refusals = path.kind === "multivariant" ? gate : undefined;
      const admitted = await authorizeWatching(request, admission, path.broadcast, refusals);
      // Without anonymous viewers nobody else may be given what this one was let have.
      const sharing = admission.admitsAnonymous ? "public" : "private";
      const requester = new ReplyRequester(reply.raw);
      if (path.kind === "file") {
        const bytes = await this.service.file(path, requester);
        closeWhenStalled(reply.raw, this.#stalledMs);
        return this.#sendFile(reply, bytes, { range: request.headers.range, sharing });
      }
      const gzip = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
      const visitor = { admitted, gate, address: request.ip, requester, gzip, sharing };
      return this.#sendPlaylist(reply, path, request.query, visitor);
    });
  }

  close(): void {
    this.service.close();
  }

  async #sendPlaylist(
    reply: Reply,
    path: Exclude<HlsPath, { kind: "file" }>,
    query: HlsRoute["Querystring"],
    visitor: {
      readonly admitted: Admitted;
      readonly gate: SessionGate;
      readonly address: string;
      readonly requester: Requester;
      readonly gzip: boolean;
      readonly sharing: string;
    },
  ): Promise<Reply> {
    const { service } = this;
    const jwt = typeof query.jwt === "string" ? `jwt=${encodeURIComponent(query.jwt)}` : "";
    const files = jwt === "" ? "" : `?${jwt}`;
    const carried = (id: string): string => `?${jwt === "" ? "" : `${jwt}&`}s=${id}`;
    void reply.type(PLAYLIST_TYPE).header("vary", "accept-encoding");
    if (path.kind === "multivariant") {
      // Each player gets an id of its own, so that it counts as one viewer.
      const text = await service.multivariant(path.broadcast, carried(service.sessions.createId()));
      service.counters.sentBytes += Buffer.byteLength(text);
      return reply.header("cache-control", "no-cache").send(text);
    }
    const directives = parseDirectives(query);
    const { admitted, gate, address, requester, gzip, sharing } = visitor;
    service.sessions.touch(query.s, admitted, { gate, address });
    const id = typeof query.s === "string" && /^[\w-]{1,32}$/.test(query.s) ? query.s : "";
    const answer = await service.playlist({
      broadcast: path.broadcast,
      rendition: path.rendition,
      directives,
      files,
      playlists: id === "" ? files : carried(id),
      gzip,
      requester,
    });
    service.counters.sentBytes += answer.bytes.byteLength;
    const ageSeconds = directives.position === undefined ? 1 : BLOCKED_AGE_IN_TARGETS * answer.targetSeconds;
    if (answer.isGzipped) void reply.header("content-encoding", "gzip");
    return reply.header("cache-control", `${sharing}, max-age=${ageSeconds}`).send(answer.bytes);
  }

  #sendFile(
    reply: Reply,
    bytes: Buffer,
    options: { readonly range: string | undefined; readonly sharing: string },
  ): Reply {
    const range = parseRange(options.range, bytes.byteLength);
    if (range === "unsatisfiable") {
      throw new ProblemError(416, "Range Not Satisfiable", `It has ${bytes.byteLength} bytes.`, {
        headers: { "content-range": `bytes */${bytes.byteLength}` },
      });
    }
    const body = range === undefined ? bytes : bytes.subarray(range.start, range.end);
    if (range !== undefined) {
      const { start, end } = range;
      void reply.status(206).header("content-range", `bytes ${start}-${end - 1}/${bytes.byteLength}`);
    }
    this.service.counters.sentBytes += body.byteLength;
    return reply
      .type(SEGMENT_TYPE)
      .header("accept-ranges", "bytes")
      .header("cache-control", `${options.sharing}, max-age=${SEGMENT_AGE_SECONDS}, immutable`)
      .send(body);
  }
}

/** Bytes that nobody takes must not be held for ever. */
function closeWhenStalled(raw: Reply["raw"] | Http2ServerResponse, stalledMs: number): void {
  if (!("stream" in raw)) {
    // Without a listener Node.js destroys the connection.
    raw.setTimeout(stalledMs);
    return;
  }
  const { stream } = raw;
  // `close` would wait until the bytes are taken.
  stream?.setTimeout(stalledMs, () => stream.destroy());
}

/** The connection that waits for the answer: it closes with the answer, too, but then nobody listens any more. */
class ReplyRequester implements Requester {
  readonly #raw: Reply["raw"];

  constructor(raw: Reply["raw"]) {
    this.#raw = raw;
  }

  get isGone(): boolean {
    return this.#raw.destroyed;
  }

  onGone(listener: () => void): void {
    this.#raw.once("close", listener);
  }

  offGone(listener: () => void): void {
    this.#raw.off("close", listener);
  }
}
