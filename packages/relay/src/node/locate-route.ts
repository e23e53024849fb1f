import { type HttpServer, mayGet, normalizeScopePath, ProblemError } from "@canopy/runtime";
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
  readonly Querystring: { readonly broadcast?: unknown; readonly region?: unknown };
}

/**
 * `GET /v1/locate?broadcast=live/demo[&region=eu]`: the edges that a viewer should try, best first. Answers from what
 * is known, so that viewers find their way while the registry is away. Whether the broadcast is live is not looked
 * at: who comes early waits at his edge.
 */
export function registerLocateRoute(app: HttpServer["app"], deps: LocateRouteDeps): void {
  app.get<LocateQuery>("/v1/locate", async (request, reply) => {
    const { scope } = await authorizeRequest(request, deps.admission);
    const broadcast = readText(request.query.broadcast, "broadcast", MAX_PATH_CHARACTERS);
    const region = readText(request.query.region, "region", MAX_REGION_CHARACTERS);
    const path = normalizeScopePath(broadcast ?? "");
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

function readText(value: unknown, name: string, maxCharacters: number): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value.length <= maxCharacters) return value;
  throw new ProblemError(
    400,
    "Bad Request",
    `\`${name}\` is given once, with at most ${maxCharacters} characters.`,
  );
}
