import { it } from "vitest";

type Test<Args extends readonly unknown[]> = (...args: Args) => Promise<void> | void;

/**
 * `it` for tests that run beside each other: of a file's no more than `count` at a time. Vitest's own limit is the
 * process's, and files share processes.
 */
export function takingTurns(count: number) {
  const waiting: (() => void)[] = [];
  let free = count;
  const inTurn = async (test: () => Promise<void> | void): Promise<void> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      await test();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
  const one = (name: string, test: Test<[]>): void => it(name, () => inTurn(test));
  const each =
    <T>(cases: readonly T[]) =>
    (name: string, test: Test<[T]>): void =>
      it.each(cases)(name, (value) => inTurn(() => test(value as T)));
  return Object.assign(one, { each });
}
