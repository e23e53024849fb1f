import { readFileSync } from "node:fs";

/** Linux's USER_HZ: ticks per second of the times in /proc/<pid>/stat; 100 on every Linux that Node.js runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

export interface ProcessUsage {
  /** CPU time used so far, user and system, all threads, in seconds. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** CPU time and memory of a process, from /proc (Linux only). */
export function readProcessUsage(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The command name, the second field, may hold spaces: count from the closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const userTicks = Number(fields[11]);
  const systemTicks = Number(fields[12]);
  const residentPages = Number(fields[21]);
  return {
    cpuSeconds: (userTicks + systemTicks) / TICKS_PER_SECOND,
    residentBytes: residentPages * PAGE_BYTES,
  };
}
