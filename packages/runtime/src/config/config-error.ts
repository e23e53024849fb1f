import { RuntimeError } from "../runtime-error.ts";

/** A wrong or unknown setting. The message is meant for whoever typed it. */
export class ConfigError extends RuntimeError {
  override readonly name = "ConfigError";
  /** Flag, variable or key at fault. */
  readonly source: string;

  constructor(code: "config-invalid" | "config-unknown-key", message: string, source: string) {
    super(code, message);
    this.source = source;
  }
}
