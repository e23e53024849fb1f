import type { HttpServer } from "@canopy/runtime";
import type { Admission } from "./admission.ts";
import { authorizeOperator } from "./authorize-operator.ts";
import type { NodeDrain } from "./drain-node.ts";

export interface DrainRoutesDeps {
  readonly admission: Admission;
  readonly drain: NodeDrain;
  readonly sessionCount: () => number;
}

interface DrainBody {
  readonly to?: string;
  readonly seconds?: number;
}

const MAX_SECONDS = 86_400;
const MAX_URL_CHARACTERS = 2_048;
/** The body is two short fields. */
const BODY_LIMIT_BYTES = 8 * 1_024;

const DRAIN_BODY_SCHEMA = {
  // Nothing at all is a body, too.
  type: ["object", "null"],
  additionalProperties: false,
  properties: {
    to: {
      type: "string",
      format: "uri",
      pattern: "^https://",
      maxLength: MAX_URL_CHARACTERS,
      description:
        "Where children and viewers are sent; if not given, as configured, else to the best other nodes.",
    },
    seconds: {
      type: "integer",
      minimum: 0,
      maximum: MAX_SECONDS,
      description: "How long they have to leave; if not given, as configured.",
    },
  },
} as const;

const DRAIN_STATUS_SCHEMA = {
  type: "object",
  required: ["draining", "sessions", "deadlineMs"],
  properties: {
    draining: { type: "boolean" },
    sessions: { type: "integer", description: "Sessions that have not left yet." },
    deadlineMs: {
      type: ["number", "null"],
      description: "When whoever is left is closed, ms since the Unix epoch; null while the node serves.",
    },
  },
} as const;

/** For the API description, where the node has one. */
const POST_SCHEMA: object = {
  summary: "Sends all sessions to other nodes, then ends the process; for operators",
  body: DRAIN_BODY_SCHEMA,
  response: { 202: DRAIN_STATUS_SCHEMA },
};
const GET_SCHEMA: object = {
  summary: "Whether the node drains, and who is left; for operators",
  response: { 200: DRAIN_STATUS_SCHEMA },
};

/** `POST /v1/drain` ends the node in good order; `GET` tells how far it is. For operators only. */
export function registerDrainRoutes(app: HttpServer["app"], deps: DrainRoutesDeps): void {
  const { admission, drain, sessionCount } = deps;
  app.post<{ Body: DrainBody | null }>(
    "/v1/drain",
    {
      bodyLimit: BODY_LIMIT_BYTES,
      // Nobody's body is read before he is known.
      onRequest: (request) => authorizeOperator(request, admission),
      schema: POST_SCHEMA,
    },
    async (request, reply) => {
      const { to, seconds } = request.body ?? {};
      drain.request({
        ...(to === undefined ? {} : { uri: to }),
        ...(seconds === undefined ? {} : { timeoutMs: seconds * 1_000 }),
      });
      return reply.status(202).send(drain.status(sessionCount()));
    },
  );
  app.get(
    "/v1/drain",
    {
      onRequest: (request) => authorizeOperator(request, admission),
      schema: GET_SCHEMA,
    },
    async (_request, reply) => reply.header("cache-control", "no-store").send(drain.status(sessionCount())),
  );
}
