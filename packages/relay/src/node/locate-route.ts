import { type HttpServer, mayGet, normalizeScopePath, PROBLEM_SCHEMA, ProblemError } from "@canopy/runtime";
import type { EdgeLocator } from "../tree/edge-locator.ts";
import type { Admission } from "./admission.ts";
import { authorizeRequest } from "./authorize-request.ts";

export interface LocateRouteDeps {
  readonly admission: Admission;
  /** Undefined: this node follows no registry. */
  readonly locator: Pick<EdgeLocator, "locate"> | undefined;
}

/** As the paths of broadcasts and the regions of nodes are limited. */
const MAX_PATH_CHARACTERS = 1_024;
const MAX_REGION_CHARACTERS = 64;

interface LocateQuery {
  readonly Querystring: { readonly broadcast: string; readonly region?: string };
}

const QUERY_SCHEMA = {
  type: "object",
  required: ["broadcast"],
  properties: {
    broadcast: {
      type: "string",
      minLength: 1,
      maxLength: MAX_PATH_CHARACTERS,
      description: "Path; it need not be live yet.",
    },
    region: {
      type: "string",
      maxLength: MAX_REGION_CHARACTERS,
      description: "The viewer's; if not given, or unknown, that of the node that answers.",
    },
    jwt: { type: "string", description: "The token, for pages that send no `Authorization`." },
  },
} as const;

const EDGES_SCHEMA = {
  type: "object",
  required: ["edges"],
  properties: {
    edges: {
      type: "array",
      minItems: 1,
      description: "Best first: those of the region, and one elsewhere as the last resort.",
      items: {
        type: "object",
        required: ["url", "httpUrl", "region"],
        properties: {
          url: { type: "string", format: "uri", description: "Of MoQ over WebTransport and QUIC." },
          httpUrl: { type: "string", format: "uri", description: "Of WHEP, HLS, WebSocket and this API." },
          region: { type: "string" },
          certificateSha256: {
            type: "string",
            pattern: "^[0-9a-f]{64}$",
            description: "Of a development certificate, for pinning.",
          },
        },
      },
    },
  },
} as const;

/** For the API description, where the node has one. */
const SCHEMA: object = {
  summary: "The edges that a viewer of a broadcast should try",
  querystring: QUERY_SCHEMA,
  security: [{}, { token: [] }],
  response: {
    200: EDGES_SCHEMA,
    400: PROBLEM_SCHEMA,
    401: PROBLEM_SCHEMA,
    403: PROBLEM_SCHEMA,
    503: PROBLEM_SCHEMA,
  },
};

/**
 * `GET /v1/locate?broadcast=live/demo[&region=eu]`: the edges that a viewer should try, best first. Answers from what
 * is known, so that viewers find their way while the registry is away. Whether the broadcast is live is not looked
 * at: who comes early waits at his edge.
 */
export function registerLocateRoute(app: HttpServer["app"], deps: LocateRouteDeps): void {
  app.get<LocateQuery>("/v1/locate", { schema: SCHEMA }, async (request, reply) => {
    const { scope } = await authorizeRequest(request, deps.admission);
    const { broadcast, region } = request.query;
    const path = normalizeScopePath(broadcast);
    if (path === "") {
      throw new ProblemError(400, "Bad Request", "`broadcast` must be the path of a broadcast.");
    }
    if (!mayGet(scope, path)) {
      throw new ProblemError(403, "Forbidden", "The token does not allow to watch this broadcast.");
    }
    if (deps.locator === undefined) {
      throw new ProblemError(503, "Service Unavailable", "This node follows no registry that knows edges.");
    }
    const edges = deps.locator.locate(region);
    if (edges.length === 0) {
      throw new ProblemError(503, "Service Unavailable", "No edge is known at the moment.", {
        headers: { "retry-after": "2" },
      });
    }
    return reply.header("cache-control", "no-store").send({
      edges: edges.map(({ url, httpUrl, region, parentSha256 }) => ({
        url,
        httpUrl,
        region,
        ...(parentSha256 !== undefined && { certificateSha256: parentSha256 }),
      })),
    });
  });
}
