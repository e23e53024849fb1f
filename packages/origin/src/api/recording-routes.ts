import { type Admission, RequestAdmission } from "@canopy/relay/node";
import {
  type HttpServer,
  mayGet,
  mayPut,
  normalizeScopePath,
  PROBLEM_SCHEMA,
  ProblemError,
  type SessionScope,
} from "@canopy/runtime";
import type { ListedRecording, Recordings } from "../downstream/record/recordings.ts";
import { checkBroadcastPath } from "../ingest/broadcast-path.ts";
import { explainRefusal, explainRejection } from "./explain-refusal.ts";
import {
  ANY_RECORDING_SCHEMA,
  RECORDING_BODY_SCHEMA,
  RECORDING_LIST_SCHEMA,
  RECORDING_QUERY_SCHEMA,
} from "./recording-schemas.ts";
import { CREATED_SCHEMA } from "./restream-schemas.ts";

export interface RecordingRoutesDeps {
  readonly recordings: Recordings;
  readonly admission: Admission;
}

interface IdParams {
  readonly Params: { readonly id: string };
}

type ListedRoom = ReturnType<Recordings["rooms"]["list"]>[number];

/** The API of recordings (contract: `/v1/recordings…`). */
export function registerRecordingRoutes(app: HttpServer["app"], deps: RecordingRoutesDeps): void {
  const { recordings } = deps;
  const requests = new RequestAdmission(deps.admission);
  const { onRequest } = requests;

  app.post<{ Body: { readonly broadcast: string } | { readonly room: string } }>(
    "/v1/recordings",
    {
      onRequest,
      schema: {
        summary:
          "Records a broadcast until it ends or the recording is stopped, or every broadcast of a room until that is stopped",
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
      const { body } = request;
      const isRoom = "room" in body;
      const path = normalizeScopePath(isRoom ? body.room : body.broadcast);
      const { scope } = requests.of(request);
      if (!mayPut(scope, path)) throw forbidden("record");
      explainRefusal(() => checkBroadcastPath(path));
      const start = isRoom ? recordings.rooms.record(path) : recordings.record(path);
      const { id } = await explainRejection(start);
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
      const rooms = recordings.rooms.list().filter(({ path }) => mayGet(scope, path));
      return {
        recordings: visible.map((recording) => recording.describe()),
        rooms: rooms.map((room) => room.describe()),
      };
    },
  );

  app.get<IdParams>(
    "/v1/recordings/:id",
    {
      onRequest,
      schema: {
        summary: "One recording, of a broadcast or of a room",
        response: { 200: ANY_RECORDING_SCHEMA, 404: PROBLEM_SCHEMA },
      },
    },
    async (request) => {
      const { scope } = requests.of(request);
      const { id } = request.params;
      return (findRoom(id, scope, mayGet) ?? find(id, scope, mayGet)).describe();
    },
  );

  app.delete<IdParams & { Querystring: { readonly purge?: "true" | "false" } }>(
    "/v1/recordings/:id",
    {
      onRequest,
      schema: {
        summary: "Stops a recording, or all of a room, and makes the files; with purge, deletes them",
        querystring: RECORDING_QUERY_SCHEMA,
        response: {
          202: ANY_RECORDING_SCHEMA,
          204: { type: "null" },
          404: PROBLEM_SCHEMA,
          503: PROBLEM_SCHEMA,
        },
      },
    },
    async (request, reply) => {
      const { scope } = requests.of(request);
      const { id } = request.params;
      const room = findRoom(id, scope, mayPut);
      if (room !== undefined) {
        const isPurge = request.query.purge === "true";
        await explainRejection(isPurge ? recordings.rooms.purge(id) : recordings.rooms.stop(id));
        return isPurge ? reply.status(204).send() : reply.status(202).send(room.describe());
      }
      const recording = find(id, scope, mayPut);
      if (request.query.purge === "true") {
        await explainRejection(recordings.purge(id));
        return reply.status(204).send();
      }
      recordings.stop(id);
      return reply.status(202).send(recording.describe());
    },
  );

  /** Undefined if it is not the id of a room's recording. */
  function findRoom(id: string, scope: SessionScope, may: typeof mayGet): ListedRoom | undefined {
    const room = recordings.rooms.get(id);
    if (room !== undefined && !may(scope, room.path)) throw forbidden(may === mayPut ? "stop" : "see");
    return room;
  }

  function find(id: string, scope: SessionScope, may: typeof mayGet): ListedRecording {
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
