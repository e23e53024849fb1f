/** How often a condition is looked at. */
const POLL_MS = 50;

/**
 * Waits until `condition` gives something other than undefined or false, and returns it. Fails after `timeoutMs`
 * with `what` in the message and the last error that the condition threw.
 */
export async function waitFor<T>(
  what: string | (() => string),
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms in vain for ${typeof what === "function" ? what() : what}`, {
        cause: lastError,
      });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
