/** Why a process was asked to stop. */
export type StopReason = "SIGINT" | "SIGTERM" | "supervisor is gone";

/** Wrappers may pass on the Ctrl-C that the terminal has sent already; a person's second one comes later. */
const IMPATIENCE_MS = 500;

/**
 * The signal that ends the running command. On a terminal Ctrl-C reaches every process of the group: one that has a
 * supervisor leaves it to that to stop its processes in order. A supervisor that dies closes the channel to
 * its processes, and they stop too, so that none is left behind. A second Ctrl-C ends at once.
 */
export function listenForStop(target: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: StopReason): void => controller.abort(reason);
  let interruptedAtMs: number | undefined;
  const isSupervised = target.channel !== undefined && target.channel !== null;
  target.on("SIGINT", () => {
    if (isSupervised) return;
    const nowMs = performance.now();
    if (interruptedAtMs !== undefined && nowMs - interruptedAtMs > IMPATIENCE_MS) target.exit(1);
    interruptedAtMs ??= nowMs;
    stop("SIGINT");
  });
  target.on("SIGTERM", () => stop("SIGTERM"));
  if (isSupervised) target.once("disconnect", () => stop("supervisor is gone"));
  return controller.signal;
}
