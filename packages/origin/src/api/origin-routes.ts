import { MAX_TIMED_MESSAGE_BYTES } from "@canopy/media/timed";
import { type Admission, RequestAdmission } from "@canopy/relay/node";
import {
  type HttpServer,
  mayGet,
  mayPut,
  normalizeScopePath,
  PROBLEM_SCHEMA,
  ProblemError,
} from "@canopy/runtime";
import type { BroadcastIngest } from "../ingest/broadcast-ingest.ts";
import type { BroadcastRegistry } from "../ingest/broadcast-registry.ts";
import { OriginError } from "../origin-error.ts";
import type { TimedRequest } from "../timed/timed-scheduler.ts";
import {
  BROADCAST_LIST_SCHEMA,
  BROADCAST_SCHEMA,
  TIMED_BODY_SCHEMA,
  TIMED_RESPONSE_SCHEMA,
} from "./api-schemas.ts";

export interface OriginRoutesDeps {
  readonly registry: BroadcastRegistry;
  readonly admission: Admission;
}

/** A message has at most 1 KB; larger bodies up to this are refused with the limit in the text. */
const TIMED_BODY_LIMIT_BYTES = 256 * 1024;
const TIMED_SUFFIX = "/timed";

interface WildcardParams {
  readonly Params: { readonly "*": string };
}

/** The origin's HTTP API (contract: `/v1/broadcasts…`). To be registered before the server listens. */
export function registerOriginRoutes(app: HttpServer["app"], deps: OriginRoutesDeps): void {
  const { registry } = deps;
  const requests = new RequestAdmission(deps.admission);
  const { onRequest } = requests;

  app.get(
    "/v1/broadcasts",
    {
      onRequest,
      schema: {
        summary: "The broadcasts that are published here",
        response: { 200: BROADCAST_LIST_SCHEMA },
      },
    },
    async (request) => {
      const { scope } = requests.of(request);
      const visible = [...registry].filter((ingest) => mayGet(scope, ingest.path));
      return { broadcasts: visible.map((ingest) => ingest.describe()) };
    },
  );

  app.get<WildcardParams>(
    "/v1/broadcasts/*",
    {
      onRequest,
      config: { describedAs: "/v1/broadcasts/{broadcast}" },
      schema: {
        summary: "One broadcast: tracks, codecs, publisher, bitrate, warnings",
        response: { 200: BROADCAST_SCHEMA, 404: PROBLEM_SCHEMA },
      },
    },
    async (request) => {
      const path = normalizeScopePath(request.params["*"]);
      const { scope } = requests.of(request);
      if (!mayGet(scope, path)) throw forbidden("see");
      return find(registry, path).describe();
    },
  );

  app.delete<WildcardParams>(
    "/v1/broadcasts/*",
    {
      onRequest,
      config: { describedAs: "/v1/broadcasts/{broadcast}" },
      schema: {
        summary: "Ends a broadcast and its publisher's connection",
        response: { 204: { type: "null" }, 404: PROBLEM_SCHEMA },
      },
    },
    async (request, reply) => {
      const path = normalizeScopePath(request.params["*"]);
      const { scope } = requests.of(request);
      if (!mayPut(scope, path)) throw forbidden("end");
      if (!registry.kick(path)) throw notFound(path);
      return reply.status(204).send();
    },
  );

  app.post<WildcardParams & { Body: TimedRequest }>(
    "/v1/broadcasts/*",
    {
      bodyLimit: TIMED_BODY_LIMIT_BYTES,
      config: { describedAs: "/v1/broadcasts/{broadcast}/timed" },
      schema: {
        summary: "Binds a message to a media time of the broadcast",
        body: TIMED_BODY_SCHEMA,
        response: {
          202: TIMED_RESPONSE_SCHEMA,
          404: PROBLEM_SCHEMA,
          413: PROBLEM_SCHEMA,
          429: PROBLEM_SCHEMA,
        },
      },
      errorHandler: (error) => {
        // Bodies far above the limit are not read at all, and Fastify's own text does not name the limit.
        if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") throw tooLarge(error);
        throw error;
      },
      // The token, then the path, before the body is read.
      onRequest: async (request) => {
        await onRequest(request);
        if (!request.params["*"].endsWith(TIMED_SUFFIX)) {
          throw new ProblemError(404, "Not Found", `Nothing is at POST ${request.url.split("?")[0]}.`);
        }
      },
    },
    async (request, reply) => {
      const path = normalizeScopePath(request.params["*"].slice(0, -TIMED_SUFFIX.length));
      const { scope } = requests.of(request);
      if (!mayPut(scope, path)) throw forbidden("send timed messages to");
      const ingest = find(registry, path);
      if (request.body.at !== undefined && request.body.delayMs !== undefined) {
        throw new ProblemError(400, "Bad Request", "Give either `at` or `delayMs`, not both.");
      }
      const { id, at } = post(ingest, request.body);
      return reply.status(202).send({ id, at });
    },
  );
}

function find(registry: BroadcastRegistry, path: string): BroadcastIngest {
  const ingest = registry.get(path);
  if (ingest === undefined) throw notFound(path);
  return ingest;
}

function tooLarge(cause: unknown): ProblemError {
  const detail = `A timed message is at most ${MAX_TIMED_MESSAGE_BYTES} bytes as JSON.`;
  return new ProblemError(413, "Content Too Large", detail, { cause });
}

function notFound(path: string): ProblemError {
  return new ProblemError(404, "Not Found", `No broadcast ${path} is published here.`);
}

function forbidden(what: string): ProblemError {
  return new ProblemError(403, "Forbidden", `The token does not allow to ${what} this broadcast.`);
}

function post(ingest: BroadcastIngest, request: TimedRequest): { readonly id: string; readonly at: number } {
  try {
    return ingest.post(request);
  } catch (cause) {
    if (!(cause instanceof OriginError)) throw cause;
    switch (cause.code) {
      case "timed-too-large":
        throw new ProblemError(413, "Content Too Large", cause.message, { cause });
      case "timed-rate":
        throw new ProblemError(429, "Too Many Requests", cause.message, {
          cause,
          headers: { "retry-after": "1" },
        });
      default:
        throw new ProblemError(400, "Bad Request", cause.message, { cause });
    }
  }
}
