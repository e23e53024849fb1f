/**
 * Two ends of a connection in memory, on a virtual clock: publisher → origin → edge → player run in one process,
 * without sleeping, and every run is the same.
 */
export * from "./create-memory-pair.ts";
export * from "./memory-clock.ts";
