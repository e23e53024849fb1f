/** What a command gets from the process it runs in. */
export interface CommandContext {
  /** The words behind `canopy`. */
  readonly args: readonly string[];
  /** Path of the command's own script, for the processes that it supervises. */
  readonly script: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Result of the command, to stdout. */
  readonly writeOut: (text: string) => void;
  /** Messages for whoever typed the command, to stderr. */
  readonly writeErr: (text: string) => void;
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal;
  /** `listener` is called when the process is told to read its files again (SIGHUP); returns how to stop that. */
  readonly onReload?: (listener: () => void) => () => void;
}
