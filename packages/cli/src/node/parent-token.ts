import { readFileSync } from "node:fs";
import { ConfigError, type Logger } from "@canopy/runtime";
import { unreadable } from "./read-text.ts";

interface ParentTokenConfig {
  readonly parentToken: string | undefined;
  readonly parentTokenFile: string | undefined;
}

/** What the node shows its parents. Throws code `config-invalid`. */
export function readParentToken(
  { parentToken, parentTokenFile: path }: ParentTokenConfig,
  deps: { readonly logger: Logger },
): string | (() => string) | undefined {
  if (path === undefined) return parentToken;
  if (parentToken !== undefined) {
    const message = "--parent-token and --parent-token-file exclude each other";
    throw new ConfigError("config-invalid", message, "--parent-token-file");
  }
  let last: string;
  try {
    last = read(path);
  } catch (error) {
    throw unreadable(path, "--parent-token-file", error);
  }
  // Parents are dialled seldom, and the file is one line.
  return () => {
    try {
      last = read(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      deps.logger.warn({ code }, "the parents' token cannot be read again; the old one is shown");
    }
    return last;
  };
}

function read(path: string): string {
  return readFileSync(path, "utf8").trim();
}
