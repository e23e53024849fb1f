import { RuntimeError } from "../runtime-error.ts";

/** Exit codes of every command. */
export const EXIT_CLEAN = 0;
export const EXIT_FAILED = 1;
/** Wrong usage or configuration: starting again without a change would fail the same way. */
export const EXIT_USAGE = 2;

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof RuntimeError) {
    switch (error.code) {
      case "config-invalid":
      case "config-unknown-key":
      case "token-key-invalid":
        return EXIT_USAGE;
      default:
        return EXIT_FAILED;
    }
  }
  return EXIT_FAILED;
}
