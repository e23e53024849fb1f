/** What ended a command. */
export type CliErrorCode = "usage" | "node-failed" | "not-ready" | "not-available";

/** The error class of this package; the message is meant for whoever typed the command. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: CliErrorCode;

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
