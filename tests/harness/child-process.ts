import { type ChildProcess, spawn } from "node:child_process";
import { waitFor } from "./wait-for.ts";

/** Output kept for error messages. */
const OUTPUT_LIMIT_CHARACTERS = 200_000;
const STOP_DEADLINE_MS = 15_000;
/** What a process printed last may be read after it has ended; its own children can hold the pipes open for longer. */
const LAST_OUTPUT_MS = 500;

export interface StartedProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything that it printed so far (the newest part). */
  output(): string;
  /** Resolves with the first match of `pattern` in the output; fails early if the process ends first. */
  printed(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Resolves with the exit code, or null after a signal, when it has ended and its output is there. */
  readonly exited: Promise<number | null>;
  /** SIGINT, then SIGKILL after a deadline. */
  stop(): Promise<number | null>;
}

/** Without what is meant for the tests alone: `canopy` refuses settings that it does not know. */
function inheritedEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CANOPY_TEST_")));
}

/** Starts a program whose output is collected; it is ended with the test that started it. */
export function startProcess(
  program: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): StartedProcess {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...inheritedEnv(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const collect = (chunk: Buffer): void => {
    text = (text + chunk.toString("utf8")).slice(-OUTPUT_LIMIT_CHARACTERS);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  let ended = false;
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => {
      const finish = (): void => {
        clearTimeout(timer);
        ended = true;
        resolve(code);
      };
      const timer = setTimeout(finish, LAST_OUTPUT_MS);
      child.once("close", finish);
    });
  });
  // Whoever awaits `exited` hears of a failed start; nobody else has to.
  exited.catch(() => {});

  const stop = async (): Promise<number | null> => {
    if (ended) return exited;
    child.kill("SIGINT");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    try {
      return await exited;
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    child,
    pid: child.pid ?? -1,
    output: () => text,
    printed: async (pattern, timeoutMs = 60_000) => {
      const found = await waitFor(
        () => `${program} to print ${pattern}; it printed:\n${text.slice(-4000)}`,
        () => pattern.exec(text) ?? (ended ? "ended" : undefined),
        timeoutMs,
      );
      if (found === "ended") throw new Error(`${program} ended; it printed:\n${text.slice(-4000)}`);
      return found;
    },
    exited,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}
