import type { Page } from "playwright-core";

/** How often a condition is looked at. */
const POLL_MS = 50;

export interface WaitInPageOptions<T> {
  /** What the condition is given: it cannot see where it is written. */
  readonly argument?: T;
  /** Default 30 s. */
  readonly timeoutMs?: number | undefined;
}

/**
 * As `waitFor`, for what a page knows by itself: it looks there. A question from here, and all that it brings back,
 * goes through the browser's process and takes as much of a core as some painted pictures. The condition is sent as
 * text, with `argument`; one that throws is looked at again.
 */
export function waitInPage<T = undefined>(
  page: Page,
  what: string,
  condition: (argument: T) => unknown,
  { argument, timeoutMs }: WaitInPageOptions<T> = {},
): Promise<void> {
  return waitForExpression(page, what, `(${condition})(${JSON.stringify(argument)})`, timeoutMs);
}

/** As `waitInPage`, for JavaScript that is made of parts. */
export async function waitForExpression(
  page: Page,
  what: string,
  expression: string,
  timeoutMs = 30_000,
): Promise<void> {
  const look = `(() => { try { return ${expression}; } catch { return false; } })()`;
  try {
    await page.waitForFunction(look, undefined, { polling: POLL_MS, timeout: timeoutMs });
  } catch (cause) {
    throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause });
  }
}
