/** The part of the runtime's logger that is used here. */
export interface QuicLogger {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
