import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "../log/logger.ts";

/** Media type of error bodies, RFC 9457 section 3. */
export const PROBLEM_CONTENT_TYPE = "application/problem+json";

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  428: "Precondition Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** One wrong place in a request. */
export interface ProblemPlace {
  /** JSON pointer into the body, or the name of the parameter. */
  readonly pointer: string;
  readonly detail: string;
}

/** The body of an error response. */
export interface ProblemBody {
  /** A name that clients may branch on (RFC 9457 section 3.1.1), or `about:blank`: the status says it all. */
  readonly type: string;
  readonly status: number;
  readonly title: string;
  readonly detail?: string;
  readonly errors?: readonly ProblemPlace[];
}

/** The same for API descriptions. */
export const PROBLEM_SCHEMA = {
  type: "object",
  description: "RFC 9457",
  properties: {
    type: { type: "string" },
    status: { type: "integer" },
    title: { type: "string" },
    detail: { type: "string" },
    errors: { type: "array", items: { type: "object", additionalProperties: true } },
  },
} as const;

/** RFC 9457 section 4.2.1: the problem has no meaning beyond its status. */
const BLANK_TYPE = "about:blank";

/** Thrown by route handlers; the error handler of the HTTP server writes it as problem+json. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    title: string,
    detail?: string,
    options?: ErrorOptions & {
      readonly headers?: Readonly<Record<string, string>>;
      /** Default: `about:blank`. */
      readonly type?: string;
    },
  ) {
    super(detail ?? title, options);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.type = options?.type ?? BLANK_TYPE;
    this.headers = options?.headers ?? {};
  }
}

export function problemBody(status: number, title?: string, detail?: string, type = BLANK_TYPE): ProblemBody {
  return {
    type,
    status,
    title: title ?? TITLES[status] ?? "Error",
    ...(detail === undefined ? {} : { detail }),
  };
}

/** Fastify's error handler: everything becomes problem+json; what is our own fault is logged and not shown. */
export function createProblemHandler(logger: Logger) {
  return (error: FastifyError | ProblemError, request: FastifyRequest, reply: FastifyReply): void => {
    const body = describeError(error);
    if (body.status >= 500 && !(error instanceof ProblemError)) {
      logger.error(
        { err: error, method: request.method, route: request.routeOptions.url },
        "a request failed",
      );
    }
    if (error instanceof ProblemError) reply.headers(error.headers);
    sendProblem(reply, body);
  };
}

export function sendProblem(reply: FastifyReply, body: ProblemBody): void {
  void reply.status(body.status).type(PROBLEM_CONTENT_TYPE).send(JSON.stringify(body));
}

function describeError(error: FastifyError | ProblemError): ProblemBody {
  if (error instanceof ProblemError) {
    return problemBody(error.status, error.title, error.detail, error.type);
  }
  if (error.validation !== undefined) {
    const errors = error.validation.map((issue) => ({
      pointer: issue.instancePath,
      detail: issue.message ?? "is not valid",
    }));
    return { ...problemBody(400, undefined, error.message), errors };
  }
  const status = error.statusCode ?? 500;
  // Messages of Fastify's own 4xx errors (unparsable JSON, too large, wrong type) are meant for the client.
  return status >= 400 && status < 500 ? problemBody(status, undefined, error.message) : problemBody(500);
}
