import { ProblemError } from "@canopy/runtime";
import { OriginError } from "../origin-error.ts";

/** Runs what a request asks for; a refusal becomes the problem that its sender is told. */
export function explainRefusal<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw explain(cause);
  }
}

/** Likewise for what takes a while. */
export async function explainRejection<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw explain(cause);
  }
}

function explain(cause: unknown): unknown {
  if (!(cause instanceof OriginError)) return cause;
  switch (cause.code) {
    case "bad-target":
    case "bad-path":
      return new ProblemError(400, "Bad Request", cause.message, { cause });
    case "broadcast-in-use":
      return new ProblemError(409, "Conflict", cause.message, { cause });
    case "too-many-restreams":
    case "too-many-recordings":
      return new ProblemError(429, "Too Many Requests", cause.message, { cause });
    default:
      return new ProblemError(503, "Service Unavailable", cause.message, { cause });
  }
}
