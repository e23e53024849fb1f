// Also for its types of routes' schemas, in the packages that use this one.
import "@fastify/swagger";
import type { HttpServer } from "@canopy/runtime";
import swagger from "@fastify/swagger";

/** Head of a node's API description. */
export interface ApiDescription {
  readonly title: string;
  readonly version: string;
  readonly description: string;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Path of the route in the API description, where the router needs a wildcard. */
    readonly describedAs?: string;
  }
}

/**
 * Describes the routes that are registered from now on at `/v1/openapi.json` (OpenAPI 3.1), out of the schemas that
 * requests are checked with. Once per server.
 */
export async function describeApi(app: HttpServer["app"], description: ApiDescription): Promise<void> {
  if (app.hasDecorator("swagger")) return;
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { ...description },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    },
    transform: ({ schema, url, route }) => ({ schema, url: route.config?.describedAs ?? url }),
  });
  app.get("/v1/openapi.json", { schema: { hide: true } as object }, () => app.swagger());
}
