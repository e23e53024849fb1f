/** Where finished log lines go. */
export interface LogDestination {
  write(line: string): void;
}
