import { type Admission, RequestAdmission } from "@canopy/relay/node";
import { type HttpServer, mayPut, normalizeScopePath, PROBLEM_SCHEMA, ProblemError } from "@canopy/runtime";
import type { Restream } from "../downstream/restream/restream.ts";
import type { Restreams } from "../downstream/restream/restreams.ts";
import { checkBroadcastPath } from "../ingest/broadcast-path.ts";
import { explainRefusal } from "./explain-refusal.ts";
import {
  CREATED_SCHEMA,
  RESTREAM_BODY_SCHEMA,
  RESTREAM_LIST_SCHEMA,
  RESTREAM_SCHEMA,
} from "./restream-schemas.ts";

export interface RestreamRoutesDeps {
  readonly restreams: Restreams;
  readonly admission: Admission;
}

interface IdParams {
  readonly Params: { readonly id: string };
}

interface CreateBody {
  readonly Body: { readonly broadcast: string; readonly target: string };
}

/** The API of restreams (contract: `/v1/restreams…`). Who may publish a broadcast may say where else it goes. */
export function registerRestreamRoutes(app: HttpServer["app"], deps: RestreamRoutesDeps): void {
  const { restreams } = deps;
  const requests = new RequestAdmission(deps.admission);
  const { onRequest } = requests;

  app.post<CreateBody>(
    "/v1/restreams",
    {
      onRequest,
      schema: {
        summary: "Passes a broadcast on to an RTMP server",
        body: RESTREAM_BODY_SCHEMA,
        response: {
          201: CREATED_SCHEMA,
          400: PROBLEM_SCHEMA,
          403: PROBLEM_SCHEMA,
          409: PROBLEM_SCHEMA,
          429: PROBLEM_SCHEMA,
        },
      },
    },
    async (request, reply) => {
      const path = normalizeScopePath(request.body.broadcast);
      const { scope } = requests.of(request);
      if (!mayPut(scope, path)) throw forbidden();
      const { settings } = explainRefusal(() => {
        checkBroadcastPath(path);
        return restreams.add(path, request.body.target);
      });
      return reply.status(201).header("location", `/v1/restreams/${settings.id}`).send({ id: settings.id });
    },
  );

  app.get(
    "/v1/restreams",
    {
      onRequest,
      schema: { summary: "The restreams of this origin", response: { 200: RESTREAM_LIST_SCHEMA } },
    },
    async (request) => {
      const { scope } = requests.of(request);
      const visible = [...restreams].filter(({ settings }) => mayPut(scope, settings.broadcast));
      return { restreams: visible.map((restream) => restream.describe()) };
    },
  );

  app.get<IdParams>(
    "/v1/restreams/:id",
    {
      onRequest,
      schema: { summary: "One restream", response: { 200: RESTREAM_SCHEMA, 404: PROBLEM_SCHEMA } },
    },
    async (request) => find(request).describe(),
  );

  app.delete<IdParams>(
    "/v1/restreams/:id",
    {
      onRequest,
      schema: { summary: "Ends a restream", response: { 204: { type: "null" }, 404: PROBLEM_SCHEMA } },
    },
    async (request, reply) => {
      const { settings } = find(request);
      restreams.remove(settings.id);
      return reply.status(204).send();
    },
  );

  function find(request: { readonly params: { readonly id: string } }): Restream {
    const { scope } = requests.of(request);
    const restream = restreams.get(request.params.id);
    if (restream === undefined) throw new ProblemError(404, "Not Found", "There is no restream of that id.");
    if (!mayPut(scope, restream.settings.broadcast)) throw forbidden();
    return restream;
  }
}

function forbidden(): ProblemError {
  return new ProblemError(403, "Forbidden", "The token does not allow to restream this broadcast.");
}
