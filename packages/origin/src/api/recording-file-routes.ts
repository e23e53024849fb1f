import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Admission, authorizeRequest } from "@canopy/relay/node";
import { type HttpServer, mayGet, ProblemError } from "@canopy/runtime";
import fastifyStatic from "@fastify/static";
import { contentTypeOf, isGrowing, isRecordingFile } from "../downstream/record/recording-files.ts";
import type { Recordings } from "../downstream/record/recordings.ts";
import { explainRejection } from "./explain-refusal.ts";

export interface RecordingFileRoutesDeps {
  readonly recordings: Recordings;
  readonly admission: Admission;
}

interface FileParams {
  readonly Params: { readonly id: string; readonly name: string };
  readonly Querystring: { readonly jwt?: unknown };
}

/** Segments never change, but who may see them can: caches of the viewer alone. */
const LASTING = "private, max-age=86400, immutable";

/** The files of recordings (contract: `/recordings/<id>/…`), from the disk or the object store, with byte ranges. */
export async function registerRecordingFileRoutes(
  app: HttpServer["app"],
  deps: RecordingFileRoutesDeps,
): Promise<void> {
  const { recordings, admission } = deps;
  await app.register(fastifyStatic, { root: recordings.folder, serve: false, cacheControl: false });

  app.route<FileParams>({
    method: ["GET", "HEAD"],
    url: "/recordings/:id/:name",
    schema: { hide: true } as object,
    handler: async (request, reply) => {
      const { id, name } = request.params;
      const { scope } = await authorizeRequest(request, admission);
      const recording = recordings.get(id);
      if (recording === undefined || !isRecordingFile(name)) throw notFound();
      if (!mayGet(scope, recording.broadcast)) {
        throw new ProblemError(
          403,
          "Forbidden",
          "The token does not allow to see this broadcast's recordings.",
        );
      }
      void reply.header("cache-control", isGrowing(name) ? "no-cache" : LASTING).type(contentTypeOf(name));
      const { jwt } = request.query;
      const isTokenPassedOn = typeof jwt === "string" && name.endsWith(".m3u8");
      // Playlists and the timeline stay on the disk beside what is stored.
      if (recordings.isStored(id) && !isGrowing(name)) {
        const { range } = request.headers;
        const method = request.method === "HEAD" ? "HEAD" : "GET";
        const stored = await explainRejection(
          recordings.storage?.read(id, name, { method, range }) ?? Promise.resolve(undefined),
        );
        if (stored === undefined) throw notFound();
        return reply.status(stored.status).headers(stored.headers).send(stored.body);
      }
      if (isTokenPassedOn) {
        const text = await readFile(join(recordings.folder, id, name), "utf8").catch(() => undefined);
        if (text === undefined) throw notFound();
        return reply.send(withToken(text, jwt));
      }
      return reply.sendFile(name, join(recordings.folder, id));
    },
  });
}

/** Players ask for what a playlist names as it is named there: the token has to stand in it. */
function withToken(playlist: string, jwt: string): string {
  const query = `?jwt=${encodeURIComponent(jwt)}`;
  return playlist
    .split("\n")
    .map((line) => {
      if (line === "") return line;
      return line.startsWith("#") ? line.replace(/URI="([^"]+)"/, `URI="$1${query}"`) : line + query;
    })
    .join("\n");
}

function notFound(): ProblemError {
  return new ProblemError(404, "Not Found", "There is no such file of a recording.");
}
