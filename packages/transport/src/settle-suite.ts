/** Generous: a busy machine must not fail a test. */
const SETTLE_DEADLINE_MS = 15_000;

/** Waits until `condition` holds; rejects after a generous deadline. */
export async function settle(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + SETTLE_DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error("the condition never held");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
