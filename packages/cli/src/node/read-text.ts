import { readFile } from "node:fs/promises";
import { ConfigError } from "@canopy/runtime";

/** Reads a file that an option names. */
export async function readText(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw unreadable(path, option, cause);
  }
}

export function unreadable(path: string, option: string, cause: unknown): ConfigError {
  const failure = new ConfigError("config-invalid", `the file of ${option} cannot be read: ${path}`, option);
  failure.cause = cause;
  return failure;
}
