import type { HttpServer } from "@canopy/runtime";
import { isUnder, mayGet, normalizeScopePath, ProblemError } from "@canopy/runtime";
import type { Admission } from "./admission.ts";
import { isOperator } from "./authorize-operator.ts";
import { authorizeRequest, authorizeSessionPath } from "./authorize-request.ts";
import type { NodeCertificate } from "./node-certificate.ts";

export interface NodeRoutesDeps {
  readonly admission: Admission;
  readonly certificate: NodeCertificate;
  /** Settled when the UDP port is open, or never will be. */
  readonly listening: Promise<void>;
  /** Paths of the broadcasts that are active here. */
  readonly announced: () => Iterable<string>;
  /** This node's place in the tree and its load, as JSON, with the broadcasts that `sees` lets through. */
  readonly topology: (sees: (path: string) => boolean, isOperator: boolean) => unknown;
}

/** For API descriptions, where the node has one. */
function described(summary: string, path?: string): { readonly schema: object; readonly config: object } {
  return { schema: { summary }, config: path === undefined ? {} : { describedAs: path } };
}

/** What every node with sessions answers beside the basic routes, with moq-relay's paths where it has them. */
export function registerNodeRoutes(app: HttpServer["app"], deps: NodeRoutesDeps): void {
  const fingerprint = described("SHA-256 of the certificate, for pinning");
  app.get("/certificate.sha256", fingerprint, async (_request, reply) => {
    // Who has the hash dials at once. A first packet to a port that is not open yet is lost, and its sender waits for
    // a second, and then for two more, before he sends it again (RFC 9002 section 6.2.2).
    await deps.listening;
    return reply
      .header("cache-control", "no-store")
      .type("text/plain; charset=utf-8")
      .send(deps.certificate.current.sha256Hex);
  });

  const topology = described("The node, and for operators the network that it is part of");
  app.get("/v1/topology", topology, async (request, reply) => {
    const who = await authorizeRequest(request, deps.admission);
    void reply.header("cache-control", "no-store");
    return deps.topology((path) => mayGet(who.scope, path), isOperator(who));
  });

  // A browser learns of a refused session nothing but that it did not open; here it can ask why.
  const asked = described("Whether a session with this path and query would be let in, and why not");
  app.get<{ Querystring: { path?: unknown } }>("/v1/admission", asked, async (request, reply) => {
    const { path } = request.query;
    if (typeof path !== "string") {
      throw new ProblemError(400, "Bad Request", "`path` must be the path and query of a session's URL");
    }
    await authorizeSessionPath(path, request, deps.admission);
    return reply.header("cache-control", "no-store").code(204).send();
  });

  const announced = async (
    request: Parameters<typeof authorizeRequest>[0],
    prefix: string,
  ): Promise<string> => {
    const { scope } = await authorizeRequest(request, deps.admission);
    const lines: string[] = [];
    for (const path of deps.announced()) {
      if (isUnder(path, prefix) && mayGet(scope, path)) lines.push(`${path}\n`);
    }
    return lines.sort().join("");
  };
  const all = described("Paths of the active broadcasts that the token lets see, one a line");
  app.get("/announced", all, async (request, reply) => {
    const text = await announced(request, "");
    return reply.header("cache-control", "no-store").type("text/plain; charset=utf-8").send(text);
  });
  const below = described("The active broadcasts below a prefix", "/announced/{prefix}");
  app.get<{ Params: { "*": string } }>("/announced/*", below, async (request, reply) => {
    const text = await announced(request, normalizeScopePath(request.params["*"]));
    return reply.header("cache-control", "no-store").type("text/plain; charset=utf-8").send(text);
  });
}
