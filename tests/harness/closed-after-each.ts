import { afterEach } from "vitest";

/** A list for what a test opens: it is closed after the test, last opened first. */
export function closedAfterEach(): (AsyncDisposable | Disposable)[] {
  const open: (AsyncDisposable | Disposable)[] = [];
  afterEach(async () => {
    for (const resource of open.splice(0).reverse()) {
      if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]();
      else resource[Symbol.dispose]();
    }
  });
  return open;
}
