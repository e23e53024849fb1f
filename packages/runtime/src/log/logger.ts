import { pino } from "pino";
import type { LogDestination } from "./log-destination.ts";
import { createPrettyDestination } from "./pretty-destination.ts";
import { createRedactingDestination } from "./redact-secrets.ts";

export type LogLevel = "silent" | "error" | "warn" | "info" | "debug";

export const LOG_LEVELS: readonly LogLevel[] = ["silent", "error", "warn", "info", "debug"];

/**
 * One per subsystem. The message is constant and what varies is in the object, so that lines can be searched and
 * counted; nothing above `debug` more than once a second (see `DropLog`). Never put a secret or a token in: what looks
 * like one is taken out, but not everything does.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger whose lines carry `component: name`; nested names are joined by a dot. */
  child(name: string): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Readable lines instead of JSON. */
  readonly pretty: boolean;
  readonly component?: string;
}

/** Lines go to stderr: stdout belongs to what a command prints for its user. */
export function createLogger(options: LoggerOptions, destination: LogDestination = standardError()): Logger {
  const safe = createRedactingDestination(destination);
  const sink = options.pretty ? createPrettyDestination(safe) : safe;
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  return wrap(root, options.component ?? "");
}

/** Swallows everything; for tests and for callers that were given no logger. */
export function createSilentLogger(): Logger {
  const nothing = (): void => {};
  const logger: Logger = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    child: () => logger,
  };
  return logger;
}

function standardError(): LogDestination {
  return pino.destination({ fd: 2, sync: true });
}

function wrap(root: pino.Logger, component: string): Logger {
  const target = component === "" ? root : root.child({ component });
  return {
    debug: (fields, message) => target.debug(fields, message),
    info: (fields, message) => target.info(fields, message),
    warn: (fields, message) => target.warn(fields, message),
    error: (fields, message) => target.error(fields, message),
    child: (name) => wrap(root, component === "" ? name : `${component}.${name}`),
  };
}
