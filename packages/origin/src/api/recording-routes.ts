import { type Admission, RequestAdmission } from "@canopy/relay/node";
import {
  type HttpServer,
  mayGet,
  mayPut,
  normalizeScopePath,
  ProblemError,
  type SessionScope,
} from "@canopy/runtime";
import type { Recordings } from "../downstream/record/recordings.ts";
import { checkBroadcastPath } from "../ingest/broadcast-path.ts";
import { PROBLEM_SCHEMA } from "./api-schemas.ts";
import { explainRefusal, explainRejection } from "./explain-refusal.ts";
import {
  RECORDING_BODY_SCHEMA,
  RECORDING_LIST_SCHEMA,
  RECORDING_QUERY_SCHEMA,
  RECORDING_SCHEMA,
} from "./recording-schemas.ts";
import { CREATED_SCHEMA } from "./restream-schemas.ts";

export interface RecordingRoutesDeps {
  readonly recordings: Recordings;
  readonly admission: Admission;
}

interface IdParams {
  readonly Params: { readonly id: string };
}

type Listed = ReturnType<Recordings["list"]>[number];

/** The API of recordings (contract: `/v1/recordings…`). */
export function registerRecordingRoutes(app: HttpServer["app"], deps: RecordingRoutesDeps): void {
  const { recordings } = deps;
  const requests = new RequestAdmission(deps.admission);
  const { onRequest } = requests;

  app.post<{ Body: { readonly broadcast: string } }>(
    "/v1/recordings",
    {
      onRequest,
      schema: {
        summary: "Records a broadcast until it ends or the recording is stopped",
        body: RECORDING_BODY_SCHEMA,
        response: {
          201: CREATED_SCHEMA,
          400: PROBLEM_SCHEMA,
          403: PROBLEM_SCHEMA,
          409: PROBLEM_SCHEMA,
          429: PROBLEM_SCHEMA,
          503: PROBLEM_SCHEMA,
        },
      },
    },
    async (request, reply) => {
      const path = normalizeScopePath(request.body.broadcast);
      const { scope } = requests.of(request);
      if (!mayPut(scope, path)) throw forbidden("record");
      explainRefusal(() => checkBroadcastPath(path));
      const { id } = await explainRejection(recordings.record(path));
      return reply.status(201).header("location", `/v1/recordings/${id}`).send({ id });
    },
  );

  app.get(
    "/v1/recordings",
    {
      onRequest,
      schema: {
        summary: "Recordings that run or are kept, newest first",
        response: { 200: RECORDING_LIST_SCHEMA },
      },
    },
    async (request) => {
      const { scope } = requests.of(request);
      const visible = recordings.list().filter(({ broadcast }) => mayGet(scope, broadcast));
      return { recordings: visible.map((recording) => recording.describe()) };
    },
  );

  app.get<IdParams>(
    "/v1/recordings/:id",
    {
      onRequest,
      schema: { summary: "One recording", response: { 200: RECORDING_SCHEMA, 404: PROBLEM_SCHEMA } },
    },
    async (request) => {
      const { scope } = requests.of(request);
      return find(request.params.id, scope, mayGet).describe();
    },
  );

  app.delete<IdParams & { Querystring: { readonly purge?: "true" | "false" } }>(
    "/v1/recordings/:id",
    {
      onRequest,
      schema: {
        summary: "Stops a recording and makes its files; with purge, deletes them",
        querystring: RECORDING_QUERY_SCHEMA,
        response: {
          202: RECORDING_SCHEMA,
          204: { type: "null" },
          404: PROBLEM_SCHEMA,
          503: PROBLEM_SCHEMA,
        },
      },
    },
    async (request, reply) => {
      const { scope } = requests.of(request);
      const { id } = request.params;
      const recording = find(id, scope, mayPut);
      if (request.query.purge === "true") {
        await explainRejection(recordings.purge(id));
        return reply.status(204).send();
      }
      recordings.stop(id);
      return reply.status(202).send(recording.describe());
    },
  );

  function find(id: string, scope: SessionScope, may: typeof mayGet): Listed {
    const recording = recordings.get(id);
    if (recording === undefined)
      throw new ProblemError(404, "Not Found", "There is no recording of that id.");
    if (!may(scope, recording.broadcast)) throw forbidden(may === mayPut ? "stop" : "see");
    return recording;
  }
}

function forbidden(what: string): ProblemError {
  return new ProblemError(
    403,
    "Forbidden",
    `The token does not allow to ${what} this broadcast's recordings.`,
  );
}
