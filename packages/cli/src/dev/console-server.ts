import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { createHttpServer, type HttpServer, type HttpServerDeps } from "@canopy/runtime";
import fastifyStatic from "@fastify/static";
import { addPageHints } from "./page-hints.ts";
import { DEV_HOST } from "./port-plan.ts";

/** What pages need to find the nodes; `GET /v1/dev`. */
export interface DevInfo {
  readonly console: string;
  readonly origin: string;
  readonly relays: readonly string[];
  readonly edges: readonly string[];
  readonly rtmp: string;
  /** Broadcast of the built-in broadcaster; null if it does not run. */
  readonly broadcast: string | null;
  readonly processes: readonly {
    readonly name: string;
    readonly pid: number | null;
    readonly restarts: number;
  }[];
}

/** Serves the built pages under their names without ending (`/watch`), and `/v1/dev`. */
export async function openConsoleServer(
  options: { readonly host?: string; readonly port: number; readonly folder?: string },
  deps: HttpServerDeps & { readonly info: () => DevInfo },
): Promise<HttpServer & { readonly port: number }> {
  const folder = options.folder ?? builtPagesFolder();
  const { host = DEV_HOST, port } = options;
  const http = await createHttpServer({ host, port, portOption: "port" }, deps);
  const { app } = http;
  app.get("/v1/dev", (_request, reply) => {
    void reply.header("cache-control", "no-store").send(deps.info());
  });
  if (existsSync(folder)) {
    await app.register(fastifyStatic, { root: folder, index: false, wildcard: true, cacheControl: false });
    for (const { url, file } of findPages(folder)) {
      app.get(url, async (request, reply) => {
        const html = await readFile(join(folder, file), "utf8");
        const query = new URL(request.url, "http://localhost").searchParams;
        void reply.header("cache-control", "no-cache").type("text/html; charset=utf-8");
        return addPageHints(html, url, query, deps.info());
      });
    }
  }
  return Object.assign(http, await http.start());
}

/** `watch.html` and `watch/index.html` are both `/watch`; `index.html` is `/`. */
export function findPages(folder: string): { readonly url: string; readonly file: string }[] {
  const pages = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".html")) continue;
    const file = relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/");
    const name = file.replace(/\.html$/, "").replace(/(^|\/)index$/, "");
    const url = `/${name}`;
    if (!pages.has(url) || file === "index.html") pages.set(url, file);
  }
  return [...pages].map(([url, file]) => ({ url, file }));
}

function builtPagesFolder(): string {
  return join(dirname(fileURLToPath(import.meta.resolve("@canopy/console/package.json"))), "dist");
}
