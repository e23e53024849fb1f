import type { RelayNode } from "@canopy/relay";
import { type Admission, authorizeWatching, type SessionGate } from "@canopy/relay/node";
import {
  type Clock,
  type HttpServer,
  type Logger,
  type Metrics,
  normalizeScopePath,
  ProblemError,
} from "@canopy/runtime";
import { FlvCounters } from "./flv-counters.ts";
import type { FlvOptions } from "./flv-options.ts";
import { FlvStream } from "./flv-stream.ts";
import { FlvViewer } from "./flv-viewer.ts";

export interface FlvEndpointDeps {
  readonly relay: RelayNode;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const EXTENSION = ".flv";
const CONTENT_TYPE = "video/x-flv";
/** The catalog of a broadcast that this node did not follow yet comes from the parent within this time. */
const CATALOG_TIMEOUT_MS = 3_000;
/** A stream without readers is followed for this long, so that the next one starts at once. */
const IDLE_MS = 5_000;
/** A publisher who is gone may come back for this long without his readers' responses ending. */
const GONE_MS = 15_000;
const TICK_MS = 1_000;

/** HTTP-FLV at a node: `GET /flv/<broadcast>.flv` is one endless response (chunked, or a stream of HTTP/2). */
export class FlvEndpoint {
  readonly counters = new FlvCounters();
  readonly #options: FlvOptions;
  readonly #deps: FlvEndpointDeps;
  readonly #streams = new Map<string, FlvStream>();
  readonly #timer: NodeJS.Timeout;
  readonly #withdraw: readonly (() => void)[];

  constructor(options: FlvOptions, deps: FlvEndpointDeps) {
    this.#options = options;
    this.#deps = deps;
    const { metrics } = deps;
    const { counters } = this;
    this.#withdraw = [
      metrics.read("canopy_sent_bytes_total", "flv", () => counters.sentBytes),
      metrics.read("canopy_slow_viewers_total", "skipped", () => counters.skips),
      metrics.read("canopy_slow_viewers_total", "closed", () => counters.closedSlow),
      metrics.read("canopy_groups_dropped_total", "backlog", () => counters.groupsDropped),
    ];
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Before the HTTP server listens. */
  register(app: HttpServer["app"], admission: Admission, gate: SessionGate): void {
    const described = {
      schema: { summary: "Plays by HTTP-FLV: one response without an end" } as object,
      config: { describedAs: "/flv/{broadcast}.flv" },
    };
    app.get<{ Params: { "*": string } }>("/flv/*", described, async (request, reply) => {
      const name = request.params["*"];
      if (!name.endsWith(EXTENSION)) throw new ProblemError(404, "Not Found", "The path must end in .flv.");
      const path = normalizeScopePath(name.slice(0, -EXTENSION.length));
      const admitted = await authorizeWatching(request, admission, path, gate);
      const stream = await this.#follow(path);
      void reply.type(CONTENT_TYPE).header("cache-control", "no-store");
      if (request.method === "HEAD") return reply.send();
      const address = `${request.ip}:0`;
      const full = gate.checkRoom(address);
      if (full !== undefined) {
        const title = full.status === 503 ? "Service Unavailable" : "Too Many Requests";
        throw new ProblemError(full.status, title, full.message, { headers: { "retry-after": "2" } });
      }
      const headers = reply.getHeaders();
      reply.hijack();
      const { raw } = reply;
      if (raw.destroyed) return reply;
      raw.writeHead(200, headers as Record<string, string>);
      raw.flushHeaders?.();
      const viewer = new FlvViewer(
        { maxBufferedBytes: this.#options.maxBufferedBytes },
        { response: raw, counters: this.counters, onClosed: (closed) => stream.remove(closed) },
      );
      gate.admitChecked(viewer, address, admitted);
      stream.add(viewer);
      return reply;
    });
  }

  /** Ends all responses. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    for (const withdraw of this.#withdraw) withdraw();
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }

  async #follow(path: string): Promise<FlvStream> {
    const { relay, clock, logger } = this.#deps;
    let stream = this.#streams.get(path);
    if (relay.store.get(path) === undefined && (stream === undefined || stream.followed.goneSinceMs !== 0))
      throw new ProblemError(404, "Not Found", `No broadcast ${path} is known here.`);
    if (stream === undefined) {
      stream = new FlvStream(path, { store: relay.store, logger, nowMs: () => clock.nowMs() });
      this.#streams.set(path, stream);
    }
    const media = await stream.followed.awaitMedia(CATALOG_TIMEOUT_MS);
    const isEmpty = media === undefined || (media.video.length === 0 && media.audio === undefined);
    if (isEmpty && (media === undefined || media.leftOut.length === 0)) {
      throw new ProblemError(503, "Service Unavailable", "The broadcast's catalog has not arrived yet.", {
        headers: { "retry-after": "1" },
      });
    }
    if (isEmpty) {
      const left = media?.leftOut.join(", ") ?? "";
      throw new ProblemError(422, "Unprocessable Content", `Nothing of it can go out by FLV, only ${left}.`);
    }
    return stream;
  }

  #tick(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const [path, stream] of this.#streams) {
      stream.tick(nowMs);
      const { goneSinceMs } = stream.followed;
      const isGone = goneSinceMs !== 0 && nowMs - goneSinceMs > GONE_MS;
      if (isGone) stream.finish();
      const isIdle = stream.viewers.size === 0 && (isGone || nowMs - stream.idleSinceMs > IDLE_MS);
      if (!isIdle) continue;
      stream.close();
      this.#streams.delete(path);
    }
  }
}
