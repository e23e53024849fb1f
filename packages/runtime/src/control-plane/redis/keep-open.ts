import type { Cluster, Redis } from "ioredis";
import { type BackoffOptions, backoffMs } from "../../time/backoff.ts";

const REOPEN: BackoffOptions = { baseMs: 200, capMs: 3_000 };

export interface KeepOpenDeps {
  readonly random: () => number;
}

/**
 * Opens a connection anew that ioredis has ended for good, until the result is called. Its own retries do not cover
 * all: a sentinel that tells of a failover while the connection is just being made again ends it without another try.
 */
export function keepOpen(connection: Redis | Cluster, { random }: KeepOpenDeps): () => void {
  let timer: NodeJS.Timeout | undefined;
  let attempts = 0;
  const onReady = (): void => {
    attempts = 0;
  };
  const onEnd = (): void => {
    clearTimeout(timer);
    // A failure is told by "error", and by another "end" if it is not tried again.
    timer = setTimeout(
      () => void connection.connect().catch(() => {}),
      backoffMs(attempts, random(), REOPEN),
    );
    timer.unref();
    attempts += 1;
  };
  connection.on("ready", onReady);
  connection.on("end", onEnd);
  return () => {
    clearTimeout(timer);
    connection.off("ready", onReady);
    connection.off("end", onEnd);
  };
}
