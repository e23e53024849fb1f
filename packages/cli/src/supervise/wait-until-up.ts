import { delay } from "@canopy/runtime";
import { CliError } from "../cli-error.ts";

/** Whoever waits has one process after another to wait for. */
const POLL_INTERVAL_MS = 25;
/** One unanswered request must not use up the whole wait. */
const REQUEST_TIMEOUT_MS = 2_000;

/** Polls `url` until `isUp` likes an answer. Throws code `not-ready` after `timeoutMs`, and when `signal` aborts. */
export async function waitUntilUp(
  url: string,
  isUp: (status: number, body: string) => boolean,
  options: { readonly what: string; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const endsAt = performance.now() + options.timeoutMs;
  let last = "it does not answer";
  while (performance.now() < endsAt && !options.signal.aborted) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      const body = await response.text();
      if (isUp(response.status, body)) return;
      last = `it answers ${response.status} ${body.slice(0, 200).trim()}`;
    } catch {
      // Not listening yet; the loop's deadline bounds the retries.
    }
    await delay(POLL_INTERVAL_MS, options.signal);
  }
  if (options.signal.aborted) throw new CliError("not-ready", `stopped while waiting for ${options.what}`);
  throw new CliError("not-ready", `${options.what} is not up after ${options.timeoutMs / 1_000} s: ${last}`);
}
